/* Live pages: an htmx 4 extension beside hx-ws. It tells the server what the page shows, acknowledges what has
   been painted, and never claims more than it knows. No build, no eval, no inline code. */
(() => {
  'use strict';
  const SILENCE_MS = 40000;   // the server says something every 15 s
  const ROOM = 16000;         // bytes for what is shown: a message may have 16 KB
  const page = { socket: null, element: null, shown: '', heard: 0, epoch: null, ahead: 0, away: 0, timer: 0, ended: '' };
  const all = (selector, root = document) => root.querySelectorAll(selector);
  const setText = (el, text) => { if (el && el.textContent !== text) el.textContent = text; };

  /* What is on the page */

  const bytes = text => new TextEncoder().encode(text).length;
  const version = el => +el?.dataset.v || 0;
  /* A row is named once, with its own version and that of the progress cell inside it. */
  function shown() {
    const live = {}, rows = Object.create(null);   // an id can be anything, even __proto__
    let size = 0;
    for (const el of all('[data-live]:not([data-live^="prog:"])')) {
      const key = el.dataset.live;
      size += bytes(JSON.stringify(key)) + 24;     // 24: two versions and what is around them
      if (size > ROOM) break;
      if (key.startsWith('row:')) rows[key.slice(4)] = [version(el), version(el.querySelector('[data-live^="prog:"]'))];
      else live[key] = key.startsWith('list:') ? +(el.dataset.firstPage === 'true') : version(el);
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
      page.ahead = m.now - Date.now();
      if (page.epoch !== null && page.epoch !== m.epoch) {   // other data: versions start again
        for (const el of all('[data-v]')) el.dataset.v = '0';
        tell('watch');
      }
      page.epoch = m.epoch;
      state(page.away ? 'stale' : 'live');
      tick();
    },
    patch(m) { requestAnimationFrame(() => send({ t: 'ack', seq: m.seq })); },   // never in a hidden tab
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

  htmx.registerExtension('live', {
    htmx_ws_after_connection(element, { connection }) {
      Object.assign(page, { element, socket: connection.socket, heard: Date.now(), ended: '', away: 0 });
      tell('hello', { p: 1, b: build(), l: document.documentElement.lang });
    },
    htmx_ws_close(_, { code }) {
      page.away = 0;
      if (code === 4401) page.ended = 'signed-out';
      else if (code === 1008 || code >= 4000) page.ended = 'closed';   // refused: trying again would not help
      else if (code === 1006 && !page.ended) askWhetherSignedIn();
      state(page.ended || (navigator.onLine ? 'reconnecting' : 'offline'));
    },
    htmx_ws_after_message_incoming(_, { message }) {
      page.heard = Date.now();
      const m = JSON.parse(message.data);
      hear[m.t]?.(m);
    },
    htmx_before_swap() { rememberFocus(); },
    htmx_after_swap() { restoreFocus(); announce(); tick(); changed(); fade(); },
    // A late answer or an older frame never overwrites what is newer. 0 means that there is no version.
    htmx_before_morph_node(_, { oldNode, newNode }) {
      const before = +oldNode.dataset?.v, after = +newNode.dataset?.v;
      return !(after > 0 && after < before && oldNode.dataset.live === newNode.dataset.live);
    },
  });

  /* A refused handshake looks like a server that is away; whether this page would still be shown tells them apart. */
  async function askWhetherSignedIn() {
    const answer = await fetch(location.href, { method: 'HEAD', redirect: 'manual', cache: 'no-store' }).catch(() => null);
    if (answer?.type === 'opaqueredirect' && page.socket?.readyState !== WebSocket.OPEN) state(page.ended = 'signed-out');
  }

  /* Half-open sockets, and pages that come back from the cache. Never close(): hx-ws would take it as final. */

  const reopen = () => { page.heard = Date.now(); htmx.process(page.element, true); };
  setInterval(() => {
    if (page.element && !page.ended && !document.hidden && Date.now() - page.heard > SILENCE_MS) reopen();
  }, 5000);
  addEventListener('pageshow', event => { if (event.persisted && page.element) reopen(); });
  addEventListener('offline', () => { if (!page.ended) state('offline'); });

  /* The pill */

  const LABELS = { live: 'Live', reconnecting: 'Reconnecting…', offline: 'Offline', closed: 'Not live: reload the page', 'signed-out': 'Sign in again' };
  function state(name) {
    for (const el of all('[data-live-state]')) {
      if (el.dataset.liveState !== name) el.dataset.liveState = name;
      const text = name === 'stale' ? `Redis away, ${span(Date.now() - page.away)} old` : LABELS[name];
      const label = el.querySelector('[data-label]');
      setText(label, text);
      if (page.ended) label.href = location.pathname + location.search; else label.removeAttribute('href');
    }
  }

  /* Lists: new rows come in when nobody is reading there, else a button offers them */

  let news = 0, newsOf = '', refreshed = 0, later = 0;
  function isRead(list) {
    const active = document.activeElement;
    return list.matches(':hover') || (active !== document.body && list.contains(active)) || scrollY > 200
      || !getSelection().isCollapsed && list.contains(getSelection().anchorNode);
  }
  function refresh(list) {
    clearTimeout(later);
    const wait = refreshed + 1000 - Date.now();
    if (wait > 0) { later = setTimeout(() => refresh(list), wait); return; }
    refreshed = Date.now();
    news = 0;
    if (list.isConnected) list.dispatchEvent(new CustomEvent('live:refresh'));
  }
  function offer(list) {
    const more = document.querySelector('[data-live-more]');
    if (!more || !news) return;
    more.hidden = false;
    setText(more.querySelector('[data-label]') ?? more, news === 1 ? '1 new job' : `${news} new jobs`);
  }
  addEventListener('live:stale', event => {
    const list = event.target, key = list.dataset.live;
    news = event.detail.n + (key === newsOf ? news : 0);
    newsOf = key;
    if (list.dataset.firstPage === 'true' && !isRead(list)) refresh(list); else offer(list);
  });

  /* Clicks: new jobs, copies, notes to be dismissed */

  addEventListener('click', event => {
    const more = event.target.closest('[data-live-more]'), list = more?.closest('[data-live^="list:"]');
    if (list?.dataset.firstPage === 'true') {
      event.preventDefault();
      more.hidden = true;
      refreshed = 0;
      refresh(list);
    }
    const copy = event.target.closest('[data-copy]');
    if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => say('Copied'), () => say('Could not copy'));
    if (event.target.closest('[data-dismiss]')) event.target.closest('.toast').remove();
  });

  /* Good news goes by itself, a refusal stays until it is dismissed; of both there are few */

  function fade() {
    const toasts = [...all('#toasts > .toast')];
    for (const el of toasts.slice(0, -3)) el.remove();
    for (const el of toasts) if (!el.classList.contains('bad')) setTimeout(() => el.remove(), 6000);
  }

  /* Focus: when a swap takes away what had it, the link of the same row gets it */

  let focused = null;
  function rememberFocus() {
    const el = document.activeElement, root = el?.closest?.('[data-live]');
    focused = root && el !== root ? { el, root: root.closest('[role=row]') ?? root } : null;
  }
  function restoreFocus() {
    if (!focused || focused.el.isConnected || document.activeElement !== document.body) return;
    const root = document.getElementById(focused.root.id);
    (root?.querySelector('a[href], button:not([disabled])') ?? document.getElementById('page'))?.focus({ preventScroll: true });
  }

  /* Screen readers hear what becomes of the job on its page, at most every 5 s */

  let said = 0, saying = 0, last = null;
  function say(text) {
    clearTimeout(saying);
    saying = setTimeout(() => { said = Date.now(); setText(document.getElementById('announce'), text); }, Math.max(0, said + 5000 - Date.now()));
  }
  function announce() {
    const hero = document.querySelector('[data-live^="hero:"]');
    const now = hero && { key: hero.dataset.live, state: hero.dataset.state };
    if (now && last?.key === now.key && last.state !== now.state) {
      const words = `${hero.querySelector('h1')?.textContent ?? ''}: ${now.state}`;
      say(words);
      document.title = `${words} · arqboard`;
    }
    last = now;
  }

  /* Times: the server writes absolute ones, and what is on the screen counts */

  function span(ms) {
    const s = Math.max(0, Math.round(ms / 1000));
    for (const [size, unit, small, name] of [[86400, 'd', 3600, 'h'], [3600, 'h', 60, 'm'], [60, 'm', 1, 's']]) {
      const rest = Math.floor(s % size / small);
      if (s >= size) return `${Math.floor(s / size)} ${unit}${rest ? ` ${rest} ${name}` : ''}`;
    }
    return `${s} s`;
  }
  function tick() {
    const now = Date.now() + page.ahead;
    for (const el of all('time[data-ago], time[data-since], time[data-left]')) {
      if (!el.checkVisibility({ contentVisibilityAuto: true })) continue;
      const past = now - Date.parse(el.dateTime), kind = el.dataset;
      setText(el, 'ago' in kind ? `${span(past).split(' ', 2).join(' ')} ago` : 'since' in kind ? span(past) : past < 0 ? `in ${span(-past)}` : 'now');
    }
    if (page.away) state('stale');
  }
  setInterval(() => { if (!document.hidden) tick(); }, 1000);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) tick(); });
  document.addEventListener('DOMContentLoaded', () => { announce(); tick(); fade(); });
})();
