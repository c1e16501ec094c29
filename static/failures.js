/* The jobs of a group are pulled, its head is pushed. When the head knows of others than the list can show, the list is
   told that it is stale, as those of jobs are; what becomes of that is in lists.js. */
(() => {
  'use strict';
  let known = null;
  const read = head => ({ key: head.dataset.live, jobs: +head.dataset.jobs, newest: +head.dataset.newest });
  function compare() {
    const head = document.getElementById('failure'), list = document.getElementById('jobs');
    const now = head && read(head);
    if (list && now && known?.key === now.key && (now.newest !== known.newest || now.jobs !== known.jobs)) {
      const n = Math.max(now.newest > known.newest ? 1 : 0, now.jobs - known.jobs);
      list.dispatchEvent(new CustomEvent('live:stale', { bubbles: true, detail: { n } }));
    }
    known = now;
  }
  document.addEventListener('htmx:after:swap', compare);
  document.addEventListener('DOMContentLoaded', compare);
})();
