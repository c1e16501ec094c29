/* Small notes: toasts, and whether something was copied. */
(() => {
  'use strict';
  const { all, word, say } = arqboard;

  /* Good news goes by itself, a refusal stays until it is dismissed; of both there are few */

  function fade() {
    const toasts = [...all('#toasts > .toast')];
    for (const el of toasts.slice(0, -3)) el.remove();
    for (const el of toasts) if (!el.classList.contains('bad')) setTimeout(() => el.remove(), 6000);
  }
  addEventListener('click', event => {
    const copy = event.target.closest('[data-copy]');
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say(word('copied')), () => say(word('not_copied')));
    if (event.target.closest('[data-dismiss]')) event.target.closest('.toast').remove();
  });
  document.addEventListener('live:swapped', fade);
  document.addEventListener('DOMContentLoaded', fade);
})();
