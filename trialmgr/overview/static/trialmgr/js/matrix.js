/* Arrow keys in a matrix of links. Without this file every link is reached by Tab.

   table[data-matrix]   one link of it is a stop of Tab; arrows, Home, End, and Control with Home or End go on from
                        there. A place without a link is passed over. */
(function () {
  "use strict";

  function linksOf(table) {
    return Array.from(table.rows, (row) => Array.from(row.cells, (cell) => cell.querySelector("a")));
  }

  function placeOf(links, link) {
    const row = links.findIndex((each) => each.includes(link));
    return { row, column: links[row].indexOf(link) };
  }

  function inRow(links, { row, column }, step) {
    for (let at = column + step; at >= 0 && at < links[row].length; at += step) {
      if (links[row][at]) return links[row][at];
    }
    return null;
  }

  // A head that spans columns has no link, so a column keeps its number in every row that has one.
  function inColumn(links, { row, column }, step) {
    for (let at = row + step; at >= 0 && at < links.length; at += step) {
      if (links[at][column]) return links[at][column];
    }
    return null;
  }

  function edge(links, { row }, last, whole) {
    const all = (whole ? links.flat() : links[row]).filter(Boolean);
    return last ? all[all.length - 1] : all[0];
  }

  function next(links, place, event) {
    switch (event.key) {
      case "ArrowLeft":
        return inRow(links, place, -1);
      case "ArrowRight":
        return inRow(links, place, 1);
      case "ArrowUp":
        return inColumn(links, place, -1);
      case "ArrowDown":
        return inColumn(links, place, 1);
      case "Home":
      case "End":
        return edge(links, place, event.key === "End", event.ctrlKey);
      default:
        return null;
    }
  }

  function prepare(table) {
    const links = linksOf(table);
    const all = links.flat().filter(Boolean);
    const first = table.querySelector("td.tm-matrix__today a") || table.querySelector("td a") || all[0];

    function stopAt(link) {
      all.forEach((each) => {
        each.tabIndex = each === link ? 0 : -1;
      });
    }

    table.addEventListener("keydown", (event) => {
      const link = event.target.closest("a");
      if (!link || event.altKey || event.metaKey || event.shiftKey) return;
      const to = next(links, placeOf(links, link), event);
      if (!to) return;
      event.preventDefault();
      to.focus();
    });
    table.addEventListener("focusin", (event) => {
      if (all.includes(event.target)) stopAt(event.target);
    });
    stopAt(first);
  }

  document.querySelectorAll("table[data-matrix]").forEach(prepare);
})();
