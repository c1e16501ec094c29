/* What is wrong now can be hidden for this session, one by one; it is kept by its code, so a newer number stays hidden. */
(() => {
  'use strict';
  const KEY = 'arqboard-hidden-alerts';
  const hidden = () => { try { return JSON.parse(sessionStorage.getItem(KEY)) ?? []; } catch { return []; } };
  function apply() {
    const codes = hidden();
    for (const el of document.querySelectorAll('[data-alert]')) el.hidden = codes.includes(el.dataset.alert);
  }
  document.addEventListener('click', event => {
    const alert = event.target.closest('[data-hide-alert]')?.closest('[data-alert]');
    if (!alert) return;
    try { sessionStorage.setItem(KEY, JSON.stringify([...hidden(), alert.dataset.alert].slice(-100))); } catch { /* private mode */ }
    apply();
    alert.hidden = true;
    document.getElementById('page')?.focus({ preventScroll: true });   // what had the focus is gone
  });
  document.addEventListener('live:swapped', apply);
  document.addEventListener('DOMContentLoaded', apply);
})();
