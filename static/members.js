/* A list whose members have changed is asked for anew. The live line above it says by a mark which list is right now;
   the list says by the same mark which one it is. Once for each mark, so two that never agree do no harm. */
(() => {
  'use strict';
  let asked = '';
  document.addEventListener('htmx:after:swap', () => {
    for (const list of document.querySelectorAll('[data-listed]')) {
      const mark = document.getElementById(list.dataset.membersOf)?.dataset.members;
      if (!mark || mark === list.dataset.listed || mark === asked) continue;
      asked = mark;
      list.dispatchEvent(new CustomEvent('live:refresh'));
    }
  });
})();
