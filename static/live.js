/* Live pages: an htmx 4 extension beside hx-ws. It tells the server what the page shows, acknowledges what has
   been painted, and never claims more than it knows. No build, no eval, no inline code. */
(() => {
  'use strict';
  const { all, pill } = arqboard;
  const SILENCE_MS = 40000;   // the server says something every 15 s
  const SLOW_MS = 1000;       // an answer that took longer has missed something
  const ROOM = 16000;         // bytes for what is shown: a message may have 16 KB
  const page = { socket: null, element: null, shown: '', heard: 0, fresh: 0, epoch: null, away: 0, timer: 0, ended: '' };
  let held = null;            // ids of what has changed while the page is paused
  const missed = new Map();   // what its lists were told meanwhile

  /* What is on the page */

  const bytes = text => new TextEncoder().encode(text).length;
  const version = el => +el?.dataset.v || 0;
  /* Of a list the server wants to know whether its first page is shown, and how many there are: that and one more. */
  const firstPage = ({ dataset }) => dataset.firstPage === 'true' ? (+dataset.total || 0) + 1 : 0;
  /* A row is named once, with its own version and that of the progress cell inside it. */
  function shown() {
    const live = {}, rows = Object.create(null);   // an id can be anything, even __proto__
    let size = 0;
    for (const el of all('[data-live]:not([data-live^="prog:"])')) {
      const key = el.dataset.live;
      size += bytes(JSON.stringify(key)) + 24;     // 24: two versions and what is around them
      if (size > ROOM) break;
      if (key.startsWith('row:')) rows[key.slice(4)] = [version(el), version(el.querySelector('[data-live^="prog:"]'))];
      else live[key] = key.startsWith('list:') ? firstPage(el) : version(el);
    }
    return { live, rows };
  }
  const names = ({ live, rows }) => JSON.stringify([Object.keys(live), Object.keys(rows)]);
  const send = message => { if (page.socket?.readyState === WebSocket.OPEN) page.socket.send(JSON.stringify(message)); };
  function tell(kind, more) {
    const now = shown();
    page.shown = names(now);
    send({ t: kind, ...now, ...more });
  }
  function changed() {
    clearTimeout(page.timer);
    page.timer = setTimeout(() => { if (names(shown()) !== page.shown) tell('watch'); }, 30);
  }
  const build = () => document.querySelector('meta[name=arqboard-build]')?.content ?? '';

  /* What the server says */

  const hear = {
    ready(m) {
      arqboard.ahead = m.now - Date.now();
      if (page.epoch !== null && page.epoch !== m.epoch) {   // other data: versions start again
        for (const el of all('[data-v]')) el.dataset.v = '0';
        tell('watch');
      }
      page.epoch = m.epoch;
      state(page.away ? 'stale' : 'live');
      arqboard.updateTimes();
    },
    patch(m) { pill.count(changes(m).length); },
    event(m) {
      const el = document.querySelector(`[data-live="${CSS.escape(m.key)}"]`);
      el?.dispatchEvent(new CustomEvent(m.name, { detail: m, bubbles: true }));
    },
    store(m) {
      page.away = m.ok ? 0 : Date.now() - m.age * 1000;
      state(m.ok ? 'live' : 'stale');
    },
    reload() {   // not in a circle, should two builds answer in turn
      const key = 'arqboard-reloaded', last = +sessionStorage.getItem(key) || 0;
      if (Date.now() - last < 30000) return;
      sessionStorage.setItem(key, Date.now());
      location.reload();
    },
  };
  const changes = m => [...m.content.matchAll(/ id="([^"]*)"[^>]*? hx-swap-oob=/g)].map(found => found[1]);
  /* Painted, or held. Hidden pages paint nothing, so they go quiet, unless somebody waits to be told how a job ends. */
  function acknowledge(m) {
    if (m.t !== 'patch') return;
    if (document.hidden && arqboard.isWaiting()) send({ t: 'ack', seq: m.seq });
    else requestAnimationFrame(() => send({ t: 'ack', seq: m.seq }));
  }

  htmx.registerExtension('live', {
    htmx_ws_after_connection(element, { connection }) {
      Object.assign(page, { element, socket: connection.socket, ended: '', away: 0 });
      heard();
      tell('hello', { p: 1, b: build(), l: document.documentElement.lang });
    },
    htmx_ws_close(_, { code }) {
      page.away = 0;
      if (code === 4401) page.ended = 'signed-out';
      else if (code === 1008 || code >= 4000) page.ended = 'closed';   // refused: trying again would not help
      else if (code === 1006 && !page.ended) askWhetherSignedIn();
      state(page.ended || (navigator.onLine ? 'reconnecting' : 'offline'));
    },
    htmx_ws_before_message_incoming(_, detail) {
      if (held) hold(JSON.parse(detail.message.data), detail);
    },
    htmx_ws_after_message_incoming(_, { message }) {
      heard();
      const m = JSON.parse(message.data);
      hear[m.t]?.(m);
      acknowledge(m);
    },
    htmx_before_request(_, { ctx }) { ctx.asked = Date.now(); },
    // A frame may have taken away what an answer is for. Then htmx would drop all of it, also the note with Undo.
    htmx_after_request(_, { ctx }) {
      if (ctx.target?.isConnected === false) Object.assign(ctx, { target: document.body, swap: 'none' });
    },
    // A list that is fetched anew stays as it is where the answer has none: an error, the login.
    htmx_before_swap(_, { ctx, tasks }) {
      if (isRefresh(ctx) && !tasks.some(task => task.fragment.childElementCount)) return false;
      if (!ctx?.response) for (const task of tasks.filter(isOfBefore)) tasks.splice(tasks.indexOf(task), 1);
      // One that was long on its way may be older than what was pushed meanwhile: the server is asked what is true.
      if (Date.now() - ctx?.asked > SLOW_MS && tasks.some(task => task.fragment.querySelector('[data-live]'))) page.shown = '';
      document.dispatchEvent(new CustomEvent('live:swapping'));
    },
    htmx_after_swap() {
      document.dispatchEvent(new CustomEvent('live:swapped'));
      changed();
    },
    // A late answer or an older frame never overwrites what is newer. 0 means that there is no version.
    htmx_before_morph_node(_, { oldNode, newNode }) {
      const before = +oldNode.dataset?.v, after = +newNode.dataset?.v;
      return !(after > 0 && after < before && oldNode.dataset.live === newNode.dataset.live);
    },
  });

  /* A part with other choices than those that the page shows: sent before the server knew of these. */
  function isOfBefore({ target, fragment }) {
    const shows = target?.dataset?.live, is = fragment.firstElementChild?.dataset.live;
    return shows && is && shows !== is;
  }
  const isRefresh = ctx => ctx?.sourceEvent?.type === 'live:refresh';
  /* What was missed is asked for until it comes: nobody says again that a list is stale. */
  function again({ detail: { ctx } }) {
    const list = ctx?.sourceElement;
    if (isRefresh(ctx) && !(ctx.response?.status < 500)) setTimeout(() => list.dispatchEvent(new CustomEvent('live:refresh')), 3000);
  }
  addEventListener('htmx:response:error', again);
  addEventListener('htmx:error', again);

  const heard = () => { page.heard = page.fresh = Date.now(); };
  function state(name) { pill.set(name, page.away || page.fresh, page.ended !== ''); }

  /* A refused handshake looks like a server that is away; whether this page would still be shown tells them apart. */
  async function askWhetherSignedIn() {
    const answer = await fetch(location.href, { method: 'HEAD', redirect: 'manual', cache: 'no-store' }).catch(() => null);
    if (answer?.type === 'opaqueredirect' && page.socket?.readyState !== WebSocket.OPEN) state(page.ended = 'signed-out');
  }

  /* Paused: frames are taken and counted, nothing moves. Going on asks for whatever differs by then. */

  function hold(m, detail) {
    if (m.t !== 'patch' && m.t !== 'event') return;
    detail.cancelled = true;
    heard();
    if (m.t === 'patch') for (const id of changes(m)) held.add(id);
    else missed.set(m.key, { ...m, n: m.n + (missed.get(m.key)?.n ?? 0) });
    acknowledge(m);
    pill.pause(true, held.size);
  }
  function pause(isPaused) {
    held = isPaused ? new Set() : null;
    for (const el of all('[data-pause]')) el.setAttribute('aria-pressed', isPaused);
    pill.pause(isPaused);
    if (isPaused) return;
    tell('watch');
    for (const m of missed.values()) hear.event(m);
    missed.clear();
  }
  addEventListener('arqboard:pause', () => pause(!held));
  addEventListener('click', event => { if (event.target.closest('[data-pause]')) pause(!held); });

  /* Half-open sockets, laptops that slept, pages from the cache. Never close(): hx-ws would take it as final. */

  const reopen = () => { page.heard = Date.now(); htmx.process(page.element, true); };
  function check(patience = SILENCE_MS) {
    if (page.element && !page.ended && !document.hidden && Date.now() - page.heard > patience) reopen();
  }
  let ticked = Date.now();
  setInterval(() => {
    const asleep = Date.now() - ticked > 10000;   // this machine, or this page: nobody heard what was said meanwhile
    ticked = Date.now();
    check(asleep ? SILENCE_MS / 2 : SILENCE_MS);
    if (document.hidden) return;
    pill.tick();
    if (!held) arqboard.tick();
  }, 1000);
  addEventListener('pageshow', event => { if (event.persisted && page.element) reopen(); });
  addEventListener('offline', () => { if (!page.ended) state('offline'); });
  addEventListener('online', () => check(SILENCE_MS / 2));
  document.addEventListener('visibilitychange', () => {
    check();
    if (!document.hidden && !held) arqboard.tick();
  });
})();
