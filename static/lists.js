/* Lists: new rows come in when nobody is reading there, else a button offers them. */
(() => {
  'use strict';
  const { setText, word } = arqboard;
  let news = 0, newsOf = '', refreshed = 0, later = 0;

  /* What was clicked keeps the focus without being looked at. */
  function isRead(list) {
    const active = document.activeElement;
    return list.matches(':hover') || (active.matches(':focus-visible') && list.contains(active)) || scrollY > 200
      || !getSelection().isCollapsed && list.contains(getSelection().anchorNode) || !!list.querySelector('.chk:checked');
  }
  function refresh(list) {
    clearTimeout(later);
    const wait = refreshed + 1000 - Date.now();
    if (wait > 0) { later = setTimeout(() => refresh(list), wait); return; }
    refreshed = Date.now();
    news = 0;
    if (list.isConnected) list.dispatchEvent(new CustomEvent('live:refresh'));
  }
  function offer() {
    const more = document.querySelector('[data-live-more]');
    if (!more || !news) return;
    more.hidden = false;
    setText(more.querySelector('[data-label]') ?? more, word('new_jobs', { n: news }));
  }
  addEventListener('live:stale', event => {
    const list = event.target, key = list.dataset.live;
    news = event.detail.n + (key === newsOf ? news : 0);
    newsOf = key;
    if (list.dataset.firstPage === 'true' && !isRead(list)) refresh(list); else offer();
  });
  addEventListener('click', event => {
    const more = event.target.closest('[data-live-more]'), list = more?.closest('[data-live^="list:"]');
    if (list?.dataset.firstPage !== 'true') return;
    event.preventDefault();
    more.hidden = true;
    refreshed = 0;
    refresh(list);
  });
})();
