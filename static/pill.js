/* The pill says what the page is worth: live and how much comes in, paused and what is held, or how old it is. */
(() => {
  'use strict';
  const { all, setText, word, say } = arqboard;
  const LASTING_MS = 60000;   // numbers older than this are marked as such
  const RATE_SECONDS = 5;
  const now = { state: 'offline', fresh: 0, ended: false, held: 0, isPaused: false };
  let counts = Array(RATE_SECONDS).fill(0), gone = 0;

  function label() {
    if (now.state === 'live') {
      if (now.isPaused) return now.held ? word('held', { n: now.held }) : word('paused');
      const rate = counts.reduce((a, b) => a + b, 0) / RATE_SECONDS;
      return rate >= 1 ? word('live_rate', { n: Math.round(rate) }) : word('live');
    }
    if (now.ended || !now.fresh) return word(now.state);
    return word(`${now.state}_since`, { span: arqboard.span(Date.now() - now.fresh) });
  }
  function draw() {
    const text = label();
    for (const el of all('.top [data-live-state]')) {
      if (el.dataset.liveState !== now.state) el.dataset.liveState = now.state;
      el.toggleAttribute('data-held', now.isPaused);
      const link = el.querySelector('[data-label]');
      setText(link, text);
      if (now.ended) link.href = location.pathname + location.search; else link.removeAttribute('href');
    }
    document.documentElement.toggleAttribute('data-stale', now.state !== 'live' && now.fresh > 0 && Date.now() - now.fresh > LASTING_MS);
  }
  /* A short loss is nobody's business; one that lasts is said once, and its end too. */
  function tell(state) {
    if (state === 'live') {
      clearTimeout(gone);
      if (gone < 0) say(word('live_again'));
      gone = 0;
    } else if (!gone) gone = setTimeout(() => { gone = -1; say(label()); }, 5000);
  }
  function tick() {
    counts = [...counts.slice(1), 0];
    draw();
  }

  arqboard.pill = {
    /* `fresh` is when the newest of what is shown was true. */
    set(state, fresh = now.fresh, ended = false) {
      tell(state);
      Object.assign(now, { state, fresh, ended });
      draw();
    },
    count(n) { counts[RATE_SECONDS - 1] += n; },
    pause(isPaused, held = 0) {
      Object.assign(now, { isPaused, held });
      draw();
    },
    tick,
  };
})();
