/* The page of one job: the chunk map by hand and by keys, a log that follows, traces that unfold. All of it works
   without this file by links and forms; nothing here decides what is true. */
(() => {
  'use strict';
  const all = (selector, root = document) => root.querySelectorAll(selector);
  const one = (selector, root = document) => root.querySelector(selector);
  const put = (name, value) => {   // the address says what is shown, so that it can be shared
    const url = new URL(location.href);
    if (value) url.searchParams.set(name, value); else url.searchParams.delete(name);
    history.replaceState(history.state, '', url);
  };

  /* Which chunks stand out */

  function show(kind) {
    const board = one('.chunk-board'), note = one('.filtered');
    if (!board) return;
    board.dataset.show = board.dataset.show === kind ? '' : kind;
    note.hidden = !board.dataset.show;
    const label = one(`.picks [data-show="${board.dataset.show}"]`);
    one('[data-shown]').textContent = label ? label.firstChild.nextSibling.textContent.trim() : '';
    put('show', board.dataset.show);
  }

  /* One chunk: the map is a slider over their numbers; what it is at is fetched, at most one at a time */

  const at = { number: 0, asked: 0, timer: 0 };
  const map = () => one('[data-chunk-map]');
  const last = el => +el.getAttribute('aria-valuemax');
  function columns(el) {
    if (+el.dataset.columns) return +el.dataset.columns;
    const cells = all('.ck', el), top = cells[0]?.offsetTop;
    const second = [...cells].findIndex(cell => cell.offsetTop !== top);
    return second < 0 ? cells.length : second;
  }
  function box(el, number) {   // where a chunk is drawn, in the map
    const cell = all('.ck', el)[number - 1], outer = el.getBoundingClientRect();
    if (cell) { const r = cell.getBoundingClientRect(); return [r.x - outer.x, r.y - outer.y, r.width, r.height]; }
    const svg = one('svg', el), style = getComputedStyle(svg), r = svg.getBoundingClientRect();
    const left = parseFloat(style.paddingLeft), top = parseFloat(style.paddingTop);
    const unit = (r.width - left - parseFloat(style.paddingRight)) / svg.viewBox.baseVal.width * 10, n = columns(el);
    return [r.x - outer.x + left + (number - 1) % n * unit, r.y - outer.y + top + Math.floor((number - 1) / n) * unit, unit * .8, unit * .8];
  }
  function under(el, event) {
    const cell = event.target.closest('.ck');
    if (cell) return [...all('.ck', el)].indexOf(cell) + 1;
    const svg = event.target.closest('svg.squares');
    if (!svg) return 0;
    const outer = el.getBoundingClientRect(), [x, y, width] = box(el, 1), unit = width / .8, n = columns(el);
    const column = Math.floor((event.clientX - outer.x - x) / unit), row = Math.floor((event.clientY - outer.y - y) / unit);
    const number = row * n + column + 1;
    return column >= 0 && column < n && row >= 0 && number <= last(el) ? number : 0;
  }
  function mark() {   // after every swap too: a pushed map knows nothing of where this page is
    const el = map();
    if (!el || !at.number) return;
    let ring = one('.cursor', el);
    if (!ring) { ring = document.createElement('span'); ring.className = 'cursor'; el.append(ring); }
    const [x, y, width, height] = box(el, at.number);
    Object.assign(ring.style, { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` });
    el.setAttribute('aria-valuenow', at.number);
    const said = one('#chunk-detail .one-chunk');
    if (said && +said.dataset.number === at.number) el.setAttribute('aria-valuetext', [...said.children].map(part => part.textContent.trim()).join(', '));
  }
  function look(number) {
    const el = map();
    if (!el || !number || number === at.number) return;
    at.number = number;
    mark();
    clearTimeout(at.timer);
    at.timer = setTimeout(fetchChunk, 60);
  }
  async function fetchChunk() {
    const number = at.number, el = map();
    if (!el || at.asked) return;
    at.asked = number;
    try {
      await htmx.ajax('GET', `${el.dataset.chunkMap}/${number}`, { target: '#chunk-detail', swap: 'innerHTML' });
    } finally { at.asked = 0; }
    mark();
    if (at.number !== number) fetchChunk();
  }
  const STEPS = { ArrowRight: () => 1, ArrowLeft: () => -1, ArrowDown: columns, ArrowUp: el => -columns(el), PageDown: el => 5 * columns(el), PageUp: el => -5 * columns(el) };
  function move(event) {
    const el = event.target.closest('[data-chunk-map]');
    if (!el || event.ctrlKey || event.metaKey || event.altKey) return;
    const from = at.number || 1;
    let to = STEPS[event.key] ? from + STEPS[event.key](el) : { Home: 1, End: last(el), Enter: from, ' ': from }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (!at.number && STEPS[event.key]) to = 1;
    look(Math.min(last(el), Math.max(1, to)));
    if (event.key === 'Enter') put('chunk', at.number);
  }

  /* The log: the server says how long it is, this page fetches the lines it has not got, with its own filters */

  const MOST = 2000;
  const log = { length: null, of: null, busy: false, follows: true };
  const pane = () => one('.log[data-log]');
  const isAtEnd = el => el.scrollHeight - el.scrollTop - el.clientHeight < 24;
  function follow(on) {
    const el = pane(), button = one('[data-follow]');
    log.follows = on;
    if (on && el) el.scrollTop = el.scrollHeight;
    if (!button) return;
    button.setAttribute('aria-pressed', on);
    const label = one('span', button);
    label.textContent = on ? label.dataset.on : label.dataset.off;
  }
  function empty(el, of) {   // another job was made under this id
    log.of = of;
    el.dataset.next = '0';
    one('.older', el)?.remove();
    one('#log-lines', el).replaceChildren();
  }
  async function grow() {
    const length = one('[data-live^="log:"]'), el = pane();
    if (!length || !el || log.busy) return;
    const now = +length.dataset.v;
    if (log.length === null) Object.assign(log, { length: now, of: length.dataset.of });
    if (now === log.length) return;
    log.busy = true;
    if (length.dataset.of !== log.of) empty(el, length.dataset.of);
    const newest = [...all('li[data-id]', el)].at(-1)?.dataset.id ?? '0';
    const after = later(newest, el.dataset.next || '0');
    const query = new URLSearchParams({ after, level: el.dataset.level, q: el.dataset.text });
    const answer = await fetch(`${el.dataset.log}?${query}`, { headers: { 'HX-Request': 'true' } }).catch(() => null);
    const isThere = answer?.ok && !answer.redirected, text = isThere ? await answer.text().catch(() => null) : null;
    if (text !== null) {   // an error or the login is no line; what was missed is asked for again
      await htmx.swap({ sourceElement: el, target: '#log-lines', swap: 'beforeend', text });
      log.length = now;
    }
    log.busy = false;
    el.closest('.log-card').toggleAttribute('data-empty', length.dataset.lines === '0');
    one('.none', el)?.toggleAttribute('hidden', all('li', el).length > 0);
    const lines = all('#log-lines > li', el);
    if (log.follows) for (const line of [...lines].slice(0, Math.max(0, lines.length - MOST))) line.remove();
    if (log.follows && text) el.scrollTop = el.scrollHeight;   // with nothing new, who is just scrolling up is let go
    setTimeout(grow, text === null ? 2000 : 250);   // what came meanwhile
  }
  function later(a, b) {   // places in a stream: ms-number
    const [am, an = 0] = a.split('-').map(Number), [bm, bn = 0] = b.split('-').map(Number);
    return am > bm || (am === bm && an >= bn) ? a : b;
  }

  /* Traces, copies */

  function unfold(button) {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', on);
    for (const el of all('details', button.closest('.trace'))) el.open = on;
  }
  const reveal = () => { for (const el of all('[data-all-frames], [data-copy-from], [data-follow]')) el.hidden = el.matches('[data-all-frames]') && !one('details', el.closest('.trace')); };

  document.addEventListener('click', event => {
    const pick = event.target.closest('a[data-show]');
    if (pick && !event.ctrlKey && !event.metaKey) { event.preventDefault(); show(pick.dataset.show); }
    const el = event.target.closest('[data-chunk-map]');
    if (el && under(el, event)) { look(under(el, event)); put('chunk', at.number); }
    const frames = event.target.closest('[data-all-frames]');
    if (frames) unfold(frames);
    const copy = event.target.closest('[data-copy-from]');
    if (copy) { const text = document.getElementById(copy.dataset.copyFrom); copy.dataset.copy = text?.textContent ?? ''; }
    if (event.target.closest('[data-follow]')) follow(!log.follows);
    for (const menu of all('details.menu[open]')) if (!menu.contains(event.target)) menu.open = false;
  }, true);   // before live.js, which copies what data-copy says
  document.addEventListener('pointermove', event => {
    const el = event.pointerType === 'mouse' && event.target.closest?.('[data-chunk-map]');
    if (el) look(under(el, event));
  });
  document.addEventListener('keydown', event => {
    if (event.target.closest?.('[data-chunk-map]')) move(event);
    if (event.key === 'Escape') for (const menu of all('details.menu[open]')) { menu.open = false; one('summary', menu).focus(); }
  });
  document.addEventListener('focusin', event => { if (event.target.matches?.('[data-chunk-map]')) mark(); });
  addEventListener('resize', mark);
  document.addEventListener('scroll', event => {
    if (event.target === pane() && log.follows !== isAtEnd(event.target)) {
      log.follows = isAtEnd(event.target);
      follow(log.follows);
    }
  }, true);
  /* What a worker answered is heard, once */
  function hear(event) {
    const told = event.detail.ctx?.target?.id === 'stack-shown' && one('#stack-shown [data-told]');
    if (told) arqboard.say(told.dataset.told || told.textContent.trim(), true);
  }
  document.addEventListener('htmx:after:swap', event => { reveal(); mark(); grow(); hear(event); });
  document.addEventListener('DOMContentLoaded', () => {
    at.number = +one('#chunk-detail .one-chunk')?.dataset.number || 0;
    reveal(); mark(); follow(true); grow();
  });
})();
