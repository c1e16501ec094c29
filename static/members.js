/* A list whose members have changed is asked for anew. The live line above it says by a mark which list is right now;
   the list says by the same mark which one it is. Where they still differ it is asked again, more and more seldom, so
   two that never agree do no harm. */
(() => {
  'use strict';
  const SOON_MS = 2000, SELDOM_MS = 60000;
  const asked = { mark: '', wait: SOON_MS, timer: 0 };
  function compare() {
    for (const list of document.querySelectorAll('[data-listed]')) {
      const mark = document.getElementById(list.dataset.membersOf)?.dataset.members;
      if (mark === list.dataset.listed) asked.mark = '';
      if (mark === undefined || mark === list.dataset.listed) continue;
      if (mark !== asked.mark) Object.assign(asked, { mark, wait: SOON_MS });
      else if (asked.timer) continue;
      clearTimeout(asked.timer);
      asked.timer = setTimeout(() => { asked.timer = 0; compare(); }, asked.wait);
      asked.wait = Math.min(SELDOM_MS, asked.wait * 2);
      list.dispatchEvent(new CustomEvent('live:refresh'));
    }
  }
  document.addEventListener('htmx:after:swap', compare);
})();
