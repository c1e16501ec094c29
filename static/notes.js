/* Small notes: toasts, and whether something was copied. */
(() => {
  'use strict';
  const { all, word, say } = arqboard;
  const leaving = new WeakSet();

  /* Good news goes by itself, a refusal stays until it is dismissed; of both there are few */

  function fade() {
    const toasts = [...all('#toasts > .toast')];
    for (const el of toasts.slice(0, -3)) el.remove();
    for (const el of toasts) {
      if (el.classList.contains('bad') || leaving.has(el)) continue;   // a refusal is an alert, so it is heard as it is
      leaving.add(el);
      say(el.querySelector('[hx-ignore]').textContent, true);
      leave(el, (+el.dataset.lasts || 6) * 1000);
    }
  }
  /* Not while somebody is about to use it. */
  function leave(el, ms) {
    setTimeout(() => { if (el.matches(':hover, :focus-within, :has(details[open])')) leave(el, 2000); else el.remove(); }, ms);
  }
  addEventListener('click', event => {
    const copy = event.target.closest('[data-copy]');
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say(word('copied')), () => say(word('not_copied')));
    if (event.target.closest('[data-dismiss]')) {
      event.target.closest('.toast').remove();
      document.dispatchEvent(new CustomEvent('live:gone'));
    }
  });
  document.addEventListener('live:swapped', fade);
  document.addEventListener('DOMContentLoaded', fade);
})();
