/* Times: the server writes absolute ones in UTC. Here they become the reader's, and "3 m ago" goes on by itself. */
(() => {
  'use strict';
  const { all, setText, word } = arqboard;
  const { lang, dataset } = document.documentElement;
  const zone = dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone;
  const format = options => new Intl.DateTimeFormat(lang === 'en' ? 'en-GB' : lang, { timeZone: zone, ...options });
  const clock = format({ hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const short = format({ hour: '2-digit', minute: '2-digit' });
  const full = format({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'longOffset' });
  const parts = format({ year: 'numeric', month: '2-digit', day: '2-digit' });
  const months = word('months');
  const isUtc = zone === 'UTC' || zone === 'Etc/UTC';
  /* A page that must stay as it is says at which moment its clocks stand. */
  const stopped = Date.parse(document.querySelector('meta[name=arqboard-clock]')?.content);
  const clockNow = () => Number.isNaN(stopped) ? Date.now() + arqboard.ahead : stopped;

  function span(ms) {
    const s = Math.max(0, Math.round(ms / 1000)), [d, h, m, second] = word('units').split(' ');
    for (const [size, unit, small, name] of [[86400, d, 3600, h], [3600, h, 60, m], [60, m, 1, second]]) {
      const rest = Math.floor(s % size / small);
      if (s >= size) return `${Math.floor(s / size)} ${unit}${rest ? ` ${rest} ${name}` : ''}`;
    }
    return `${s} ${second}`;
  }

  /* As short as it stays clear, like the server's own: 14:26:41 today, 20 Nov 14:26 this year, else 2025-11-20. */
  function day(at) {
    const found = Object.fromEntries(parts.formatToParts(at).map(part => [part.type, part.value]));
    return [found.year, found.month, found.day];
  }
  function shown(at, now) {
    const [year, month, date] = day(at), today = day(now);
    if (`${today}` === `${[year, month, date]}`) return clock.format(at);
    if (year === today[0]) return `${+date} ${months.split(' ')[month - 1]} ${short.format(at)}`;
    return `${year}-${month}-${date}`;
  }

  /* What the server wrote is remembered by its datetime; a fragment that comes in is written anew. */
  function localise(root = document) {
    const now = clockNow();
    for (const el of all('time[datetime]:not([data-ago], [data-since])', root)) {
      if (el.arqboardShown === el.textContent && el.arqboardAt === el.dateTime) continue;
      const at = Date.parse(el.dateTime);
      if (Number.isNaN(at)) continue;
      if (!('left' in el.dataset) && !('raw' in el.dataset)) setText(el, shown(at, now));   // raw: words of its own
      el.title = full.format(at);
      [el.arqboardShown, el.arqboardAt] = [el.textContent, el.dateTime];
    }
  }
  /* All is looked at before anything is written: with both in one loop the page is laid out anew for each time on it. */
  function tick(isNewOnly = false) {
    const now = Date.now() + arqboard.ahead;
    const seen = [...all('time[data-ago], time[data-since], time[data-left]')].filter(el =>
      (!isNewOnly || el.arqboardTicked !== el.textContent) && el.checkVisibility({ contentVisibilityAuto: true }));
    for (const el of seen) {
      const at = Date.parse(el.dateTime), past = now - at, kind = el.dataset;
      setText(el, 'ago' in kind ? word('ago', { span: span(past).split(' ', 2).join(' ') }) : 'since' in kind ? span(past)
        : past < 0 ? word('in', { span: span(-past) }) : word('now'));
      if (el.arqboardAt !== el.dateTime) [el.title, el.arqboardAt] = [full.format(at), el.dateTime];
      el.arqboardTicked = el.textContent;
    }
  }
  function nameZone() {
    const name = isUtc ? 'UTC' : format({ timeZoneName: 'short' }).formatToParts(Date.now()).find(part => part.type === 'timeZoneName').value;
    for (const el of all('[data-zone]')) {
      setText(el, name);
      el.title = zone;
    }
  }
  function update() {
    localise();
    nameZone();
    tick(true);
  }

  Object.assign(arqboard, { ahead: 0, span, tick, updateTimes: update });
  document.addEventListener('live:swapped', update);
  document.addEventListener('DOMContentLoaded', update);
})();
