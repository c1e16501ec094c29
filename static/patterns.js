/* What scripts make of components, on the page of all of them: dialogs are open and asked, rows are selected. */
(() => {
  'use strict';
  document.addEventListener('DOMContentLoaded', () => {
    for (const el of document.querySelectorAll('.sample dialog')) {
      const { question, answer, danger } = el.parentElement.dataset;
      if (question) arqboard.fillQuestion(el, question, answer, danger === 'yes');
      el.open = true;
    }
    for (const el of document.querySelectorAll('.sample.selected [role=row] .chk')) el.checked = true;
    for (const el of document.querySelectorAll('.sample.compact')) el.dataset.density = 'compact';
  });
})();
