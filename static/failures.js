/* The jobs of a group are pulled, its head is pushed. When the head knows of newer failures than the list can show, or
   when its last row has gone, the list is told that it is stale, as those of jobs are; what becomes of that is in
   lists.js. Jobs that run again stay and are followed. */
(() => {
  'use strict';
  let known = null;
  const read = head => ({ key: head.dataset.live, jobs: +head.dataset.jobs, newest: +head.dataset.newest });
  function compare() {
    const head = document.getElementById('failure'), list = document.getElementById('jobs');
    const now = head && read(head);
    const isNewer = list && now && known?.key === now.key && now.newest > known.newest;
    if (isNewer || list?.querySelector('[role=table]') && !list.querySelector('.job')) {
      const n = isNewer ? Math.max(1, now.jobs - known.jobs) : 0;
      list.dispatchEvent(new CustomEvent('live:stale', { bubbles: true, detail: { n } }));
    }
    known = now;
  }
  document.addEventListener('htmx:after:swap', compare);
  document.addEventListener('DOMContentLoaded', compare);
})();
