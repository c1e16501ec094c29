/* What is wrong now can be hidden for this session, one by one; it is kept by its code, so a newer number stays hidden.
   What comes up while one looks is said, once. */
(() => {
  'use strict';
  const KEY = 'arqboard-hidden-alerts';
  let known = null;
  const hidden = () => { try { return JSON.parse(sessionStorage.getItem(KEY)) ?? []; } catch { return []; } };
  function apply() {
    const codes = hidden(), now = [...arqboard.all('[data-alert]')];
    for (const el of now) el.hidden = codes.includes(el.dataset.alert);
    for (const el of now) if (known && !el.hidden && !known.has(el.dataset.alert)) arqboard.say(el.querySelector('span').textContent, true);
    known = new Set(now.map(el => el.dataset.alert));
  }
  document.addEventListener('click', event => {
    const alert = event.target.closest('[data-hide-alert]')?.closest('[data-alert]');
    if (!alert) return;
    try { sessionStorage.setItem(KEY, JSON.stringify([...hidden(), alert.dataset.alert].slice(-100))); } catch { /* private mode */ }
    apply();
    alert.hidden = true;
    document.dispatchEvent(new CustomEvent('live:gone'));
  });
  document.addEventListener('live:swapped', apply);
  document.addEventListener('DOMContentLoaded', apply);
})();
