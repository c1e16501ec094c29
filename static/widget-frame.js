/* Inside the frame: the bar of one job, kept up to date until the link expires or nothing more can come. No build, no eval. */
(() => {
  'use strict';
  const SILENCE_MS = 40000;    // the server says something every 15 s
  const MAX_WAIT_MS = 30000;
  const { dataset } = document.body;
  const bar = () => document.getElementById('widget');
  const note = text => { const el = document.getElementById('note'); if (el.textContent !== text) el.textContent = text; };
  const expires = performance.now() + dataset.left * 1000;
  const line = { socket: null, heard: 0, tries: 0, timer: 0, over: false, ended: false };

  /* To the page around. Who may frame this has been decided by frame-ancestors, and sees it anyway: so to any. */

  function tell(kind, more) { if (parent !== window) parent.postMessage({ arqboard: kind, ...more }, '*'); }
  function tellState() {
    const el = bar();
    if (!el) return;
    const { state, percent } = el.dataset, said = { state, percent: percent === '' ? null : +percent };
    const hasEnded = 'over' in el.dataset, isNews = hasEnded && !line.ended;
    line.ended = hasEnded;
    tell('progress', said);
    if (isNews) tell('done', said);
    if ('final' in el.dataset) finish('done');   // what has failed or was stopped can be run again
  }
  new ResizeObserver(() => tell('height', { height: Math.ceil(document.body.getBoundingClientRect().height) })).observe(document.body);

  /* What is new goes into the elements that are there, so that the bar glides and a selection stays */

  function morph(old, now) {
    if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName) return old.replaceWith(now);
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== now.data) old.data = now.data;
      return;
    }
    for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const before = [...old.childNodes], after = [...now.childNodes];
    if (before.length !== after.length) return old.replaceChildren(...after);
    before.forEach((node, i) => morph(node, after[i]));
  }
  function paint(html) {
    const now = new DOMParser().parseFromString(html, 'text/html').getElementById('widget');
    if (!now || !bar()) return false;
    now.removeAttribute('hx-swap-oob');
    morph(bar(), now);
    localise();
    tellState();
    return true;
  }
  /* Times of the server are in UTC. */
  function localise() {
    for (const el of document.querySelectorAll('time[datetime]')) {
      const { lang } = document.documentElement, at = new Date(el.dateTime), isToday = at.toDateString() === new Date().toDateString();
      el.textContent = at.toLocaleString(lang === 'en' ? 'en-GB' : lang, isToday ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' });
    }
  }

  /* The socket */

  const hear = {
    ready() { note(''); },
    patch(m) {
      paint(m.content);
      acknowledge(m.seq);
    },
    store(m) { note(m.ok ? '' : dataset.away); },
  };
  /* When it is painted. A hidden frame paints nothing and goes slow, but learns how the job ends. */
  function acknowledge(seq) {
    let told = false;
    const ack = () => {
      if (!told && line.socket?.readyState === WebSocket.OPEN) line.socket.send(JSON.stringify({ t: 'ack', seq }));
      told = true;
    };
    requestAnimationFrame(ack);
    setTimeout(ack, 1000);
  }
  function connect() {
    clearTimeout(line.timer);
    if (line.over) return;
    if (performance.now() >= expires) return expire();
    const url = new URL(dataset.socket, location.href);
    url.searchParams.set('v', bar().dataset.v);
    const socket = line.socket = new WebSocket(url.href.replace(/^http/, 'ws'));
    line.heard = Date.now();
    socket.onmessage = ({ data }) => {
      line.heard = Date.now();
      line.tries = 0;
      const m = JSON.parse(data);
      hear[m.t]?.(m);
    };
    socket.onclose = ({ code }) => {
      if (socket !== line.socket || line.over) return;
      line.socket = null;
      if (code === 4410) expire();
      else if (code === 1008 || code >= 4000) finish('refused');
      else later();
    };
  }
  /* Longer and longer, and not all at once: a restart of the server ends the sockets of everybody. */
  function later() {
    const wait = Math.min(MAX_WAIT_MS, 500 * 2 ** line.tries++) * (0.5 + Math.random() / 2);
    if (line.tries > 1) note(dataset.away);
    clearTimeout(line.timer);
    line.timer = setTimeout(line.tries > 1 ? look : connect, wait);
  }
  /* A refused handshake looks like a server that is away, so the page itself is asked; it also brings what is new. */
  async function look() {
    if (performance.now() >= expires) return expire();
    const answer = await fetch(location.href, { cache: 'no-store' }).catch(() => null);
    const html = await answer?.text().catch(() => '');
    if (answer?.status === 410) expire();
    else if (answer?.status === 403) finish('refused');
    else if (html && paint(html)) connect();
    else if (answer?.status === 404) finish('refused');
    else later();
  }

  /* The end, of the job or of what the link allows: what is shown stays */

  function finish(why) {
    if (line.over) return;
    line.over = true;
    clearTimeout(line.timer);
    line.socket?.close(1000);
    note(line.ended && why !== 'refused' ? '' : dataset[why]);
    if (why !== 'done') tell(why);
  }
  function expire() { finish('expired'); }

  /* A page in place of the bar, which may be there in a moment */

  async function retry() {
    const answer = await fetch(location.href, { cache: 'no-store' }).catch(() => null);
    if (answer && answer.status < 500) location.reload();
    else line.timer = setTimeout(retry, Math.min(MAX_WAIT_MS, 1000 * 2 ** line.tries++) * (0.5 + Math.random() / 2));
  }

  document.documentElement.toggleAttribute('data-alone', parent === window);
  localise();
  if (bar()) {
    tellState();
    connect();
    setInterval(() => { if (line.socket && Date.now() - line.heard > SILENCE_MS) line.socket.close(); }, 5000);
    addEventListener('online', () => { if (!line.socket) connect(); });
    addEventListener('pageshow', event => { if (event.persisted) connect(); });
    document.addEventListener('visibilitychange', () => { if (!document.hidden && !line.socket) connect(); });
  } else if ('retries' in dataset) {
    line.timer = setTimeout(retry, 1000 + Math.random() * 1000);
  }
})();
