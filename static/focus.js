/* Focus is never lost: what takes the place of what had it gets it, else the next row, else the heading above. Who
   clicks on nothing wants to have none. In dialogs and notes one is only for a moment; this remembers where one was before. */
(() => {
  'use strict';
  const { all } = arqboard;
  const PASSING = 'dialog, #toasts', ROW = '[role=row], [data-row], article';
  const REACHED = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  let was = null, place = null;

  const isThere = el => !!el?.isConnected && !el.disabled && el.checkVisibility();
  const reached = (root, what = REACHED) => [...all(what, root)].filter(isThere);
  const alike = (el, root) => reached(root, el.localName);
  const again = el => (el?.isConnected ? el : el?.id ? document.getElementById(el.id) : null);
  /* What makes two elements the same one to a person: what they do, or how they are called. */
  const sense = el => [el.tagName, el.name, el.value, el.getAttribute('href') ?? el.form?.getAttribute('action'), el.ariaLabel].join();

  function heading(el) {
    const before = [...all('main :is(h1, h2, h3)')].filter(h => !el.contains(h) && el.compareDocumentPosition(h) & Node.DOCUMENT_POSITION_PRECEDING);
    return before.at(-1);
  }
  /* Where something stands, told by what will still be there when it isn't. */
  function placeOf(el) {
    const row = el.closest(ROW), root = row ?? el.closest('[data-live]') ?? el.parentElement.closest('[id]') ?? document.body;
    const rows = row ? [...row.parentElement.children] : [], at = rows.indexOf(row);
    const next = [...rows.slice(at + 1), ...rows.slice(0, Math.max(0, at)).reverse()];
    return { el, root, sense: sense(el), index: alike(el, root).indexOf(el), next, heading: heading(root) };
  }
  function inside(root) {
    const those = alike(place.el, root);
    return those.find(el => sense(el) === place.sense) ?? those[Math.min(place.index, those.length - 1)] ?? reached(root, 'a[href]')[0] ?? reached(root)[0];
  }
  const title = () => again(place.heading) ?? document.getElementById('page');
  function successor() {
    const root = again(place.root);
    if (isThere(root)) return inside(root) ?? title();
    const row = place.next.map(again).find(isThere);
    return (row && reached(row, 'a[href]')[0]) ?? title();
  }
  function restore() {
    if (!was || !place) return;
    if (!isThere(was)) was = successor();
    const now = document.activeElement;
    if (isThere(now) && now !== document.body || document.querySelector('dialog[open]')) return;
    give(was);
  }
  function give(el) {
    el?.focus({ preventScroll: true });
    if (!el || document.activeElement === el) return;
    el.tabIndex = -1;   // a heading, which a swap may have made an ordinary one again
    el.focus({ preventScroll: true });
  }
  function note() { if (isThere(was)) place = placeOf(was); }

  addEventListener('focusin', event => {
    if (event.target.closest(PASSING)) return;
    was = event.target;
    note();
  });
  addEventListener('pointerdown', event => { if (!event.target.closest?.(PASSING)) was = null; }, true);
  document.addEventListener('live:swapping', note);
  for (const name of ['live:swapped', 'live:gone']) document.addEventListener(name, restore);
  addEventListener('htmx:finally:request', () => requestAnimationFrame(restore));   // what was selected isn't: its bar has gone
  document.addEventListener('close', restore, true);
})();
