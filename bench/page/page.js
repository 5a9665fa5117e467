// Sorts tables: each column's heading becomes a button. Without this the tables stand as written.
(function () {
    "use strict";
    var units = { K: 1e3, M: 1e6, B: 1e9 };

    function key(cell) { // a number, the parameters of "3.9B", or the text
        if (!cell) return "";
        var text = cell.textContent.trim(), value = cell.getAttribute("data-v");
        if (value !== null) return Number(value);
        var size = /^([0-9.]+)([KMB]?)$/.exec(text);
        if (size) return Number(size[1]) * (units[size[2]] || 1);
        return text === "-" ? "" : text;
    }

    function compare(a, b) { // what is absent comes last, in both directions
        if (a === "" || b === "") return 0;
        if (typeof a === "number" && typeof b === "number") return a - b;
        return String(a).localeCompare(String(b), "en", { numeric: true });
    }

    function sort(table, column, heading) {
        var down = heading.getAttribute("aria-sort") === "ascending";
        var body = table.tBodies[0];
        var rows = Array.prototype.map.call(body.rows, function (row, at) {
            return { row: row, at: at, key: key(row.cells[column]) };
        });
        rows.sort(function (a, b) {
            var absent = (a.key === "") - (b.key === "");
            return absent || (down ? -1 : 1) * compare(a.key, b.key) || a.at - b.at;
        });
        rows.forEach(function (one) { body.appendChild(one.row); });
        table.querySelectorAll("th[aria-sort]").forEach(function (other) {
            other.removeAttribute("aria-sort");
        });
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    }

    document.querySelectorAll("table").forEach(function (table) {
        Array.prototype.forEach.call(table.tHead.rows[0].cells, function (heading, column) {
            var button = document.createElement("button");
            button.type = "button";
            button.textContent = heading.textContent;
            heading.textContent = "";
            heading.appendChild(button);
            button.addEventListener("click", function () { sort(table, column, heading); });
        });
    });
}());
