/* Workflows: the list is fetched again when there are others, and the picture is zoomed in place. Both work without. */
(() => {
  'use strict';

  /* The tabs, or what stands for them before the first workflow, are live and name the rows that the first page has
     now; the list says which it shows. */

  let refreshed = 0, later = 0;
  const list = () => document.getElementById('flows');
  function isStale() {
    const shows = list()?.dataset.shows, top = document.querySelector('[data-top]')?.dataset.top;
    return !!shows && !!top && shows !== top;
  }
  function isRead(el) {
    const active = document.activeElement;
    return el.querySelector('[role=row]') && (el.matches(':hover') || (active !== document.body && el.contains(active)) || scrollY > 200);
  }
  function refresh() {
    clearTimeout(later);
    const wait = refreshed + 1000 - Date.now();
    if (wait > 0) { later = setTimeout(refresh, wait); return; }
    refreshed = Date.now();
    list()?.dispatchEvent(new CustomEvent('live:refresh'));
  }
  function look() {
    const more = document.querySelector('.flow-more');
    if (!isStale()) { if (more) more.hidden = true; return; }
    if (isRead(list())) { if (more) more.hidden = false; } else refresh();
  }
  addEventListener('click', event => {
    if (!event.target.closest('.flow-more')) return;
    event.preventDefault();
    refreshed = 0;
    refresh();
  });
  document.addEventListener('htmx:after:swap', look);

  /* Zoom: the links lead to the same page, further out; here only the picture changes, and the address with it. */

  const graph = () => document.querySelector('.dag');
  function zooms(control) { return control.closest('[data-zooms]').dataset.zooms.split(' ').map(Number); }
  const zoomOf = el => +/\bz(\d+)\b/.exec(el.className)[1];
  function wanted(control, el) {
    const steps = zooms(control), at = steps.indexOf(zoomOf(el));
    if (control.dataset.zoom === 'out') return steps[Math.min(at + 1, steps.length - 1)];
    if (control.dataset.zoom === 'in') return steps[Math.max(at - 1, 0)];
    const room = el.parentElement.clientWidth;
    return steps.find(zoom => el.dataset.width * zoom <= room * 100) ?? steps.at(-1);
  }
  addEventListener('click', event => {
    const control = event.target.closest('a[data-zoom]'), el = graph();
    if (!control || !el || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const zoom = wanted(control, el), url = new URL(location.href);
    el.classList.replace(`z${zoomOf(el)}`, `z${zoom}`);
    url.searchParams.set('zoom', zoom);
    history.replaceState(history.state, '', url);
  });
})();
