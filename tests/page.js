// SPDX-License-Identifier: MIT
//
// node page.js PAGE ROWS CHROMIUM AXE DIR [PAGE ROWS]: the page of `report -o html` in a headless
// browser, by its debugging protocol over a pipe. ROWS: the same run's JSON. AXE: axe.min.js, or ""
// to leave accessibility out. DIR: for screenshots. A second page: its numbers and words alone. TAP.
"use strict";
const fs = require("fs"), os = require("os"), path = require("path");
const { spawn } = require("child_process");
const { pathToFileURL } = require("url");
const [page, rows, chromium, axe, dir, other, otherRows] = process.argv.slice(2);

const profile = fs.mkdtempSync(path.join(os.tmpdir(), "page-"));
const browser = spawn(chromium, ["--headless=new", "--no-sandbox", "--disable-gpu",
    "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
    "--user-data-dir=" + profile, "about:blank"],
    { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
const waiting = new Map(), requests = [], complaints = [];
let events = [], session, last = 0, count = 0, failed = 0, buffer = "";

browser.stdio[4].on("data", data => {
    buffer += data;
    for (let end; (end = buffer.indexOf("\0")) >= 0; buffer = buffer.slice(end + 1)) {
        const message = JSON.parse(buffer.slice(0, end));
        if (message.id) {
            waiting.get(message.id)(message);
            waiting.delete(message.id);
            continue;
        }
        if (message.method === "Network.requestWillBeSent")
            requests.push(message.params.request.url);
        if (message.method === "Runtime.exceptionThrown" || message.method === "Log.entryAdded")
            complaints.push(JSON.stringify(message.params).slice(0, 300));
        events = events.filter(event => event.name !== message.method || (event.resolve(), false));
    }
});

function send(method, params) {
    return new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, message => message.error
            ? reject(new Error(method + ": " + message.error.message)) : resolve(message.result));
        browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + "\0");
    });
}
function event(name) {
    return new Promise(resolve => events.push({ name, resolve }));
}
async function ask(expression) {
    const answer = await send("Runtime.evaluate",
        { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(answer.exceptionDetails.exception.description);
    return answer.result.value;
}
function ok(name, holds, why) {
    console.log((holds ? "ok " : "not ok ") + ++count + " - " + name);
    if (!holds) { failed++; console.log("# " + String(why).slice(0, 2000)); }
}
async function open(width, height, script, scheme, file = page) {
    await send("Emulation.setDeviceMetricsOverride",
        { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    await send("Emulation.setScriptExecutionDisabled", { value: !script });
    await send("Emulation.setEmulatedMedia",
        { features: [{ name: "prefers-color-scheme", value: scheme }] });
    const loaded = event("Page.loadEventFired");
    await send("Page.navigate", { url: pathToFileURL(file).href });
    await loaded;
}
async function shoot(name) {
    const height = await ask("Math.min(document.documentElement.scrollHeight, 14000)");
    const width = await ask("document.documentElement.clientWidth");
    const shot = await send("Page.captureScreenshot",
        { captureBeyondViewport: true, clip: { x: 0, y: 0, width, height, scale: 1 } });
    fs.writeFileSync(path.join(dir, name), Buffer.from(shot.data, "base64"));
}

// Each number of each table, with the words that it stands in.
const cells = `Array.from(document.querySelectorAll("tbody th, tbody td")).map(cell => [
    cell.getAttribute("data-v"), cell.textContent.trim()])`;

// The lines of tables that have a size and a format, and those without such a word where the table
// says how values came about. What is listed below the tables may also be derived from them.
const without_word = `(() => {
    const result = { lines: 0, without: [] };
    for (const table of document.querySelectorAll("table")) {
        const heads = Array.from(table.tHead.rows[0].cells).map(cell => cell.textContent.trim());
        if (!heads.includes("size") || !heads.includes("format")) continue;
        const words = "measured|cycled [0-9]+/[0-9]+|modelled|metered|hw-estimate|virtual|fixture|" +
            "(skipped|failed|invalid|interrupted): .|not measured" +
            (table.closest("#rows") ? "|derived" : "");
        for (const row of table.tBodies[0].rows) {
            const said = Array.from(row.cells).filter((cell, i) =>
                /^how$| (is|are)$/.test(heads[i])).map(cell => cell.textContent).join("; ");
            const size = row.cells[heads.indexOf("size")].textContent;
            const format = row.cells[heads.indexOf("format")].textContent;
            if (size === "-" || format === "-") continue; // of all of them
            result.lines++;
            if (!new RegExp("(^|; )(" + words + ")").test(said))
                result.without.push(row.textContent.slice(0, 200));
        }
    }
    return result;
})()`;

function numbers_are_rows(found, rows) {
    const list = JSON.parse(fs.readFileSync(rows, "utf8"));
    const known = new Set(), words = [];
    for (const row of list)
        for (const value of Object.values(row))
            if (typeof value === "number") known.add(value); else words.push(String(value));
    const text = words.join("\n");
    const strange = found.filter(([value, shown]) => {
        if (value === null) return false;
        const number = Number(value), printed = Number(shown.replace(/[x×]$/, ""));
        if (!known.has(number)) return true;
        // As it is shown it is that number rounded.
        const digits = (/^-?[0-9]*[.]?([0-9]*)$/.exec(shown.replace(/[x×]$/, "")) || [])[1];
        const step = digits === undefined || Math.abs(number) >= 1e4 ? 1e-3 * Math.abs(number)
            : Math.pow(10, -digits.length);
        return !isNaN(printed) && Math.abs(printed - number) > 0.501 * step;
    }).concat(found.filter(([value, shown]) => value === null && /^[-+0-9.]+[x×]?$/.test(shown) &&
        !text.includes(shown) && shown !== "-"));
    return strange;
}

async function main() {
    const target = await send("Target.createTarget", { url: "about:blank" });
    session = (await send("Target.attachToTarget",
        { targetId: target.targetId, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await send(domain + ".enable");

    for (const [file, list, name] of [[other, otherRows, "other page: "], [page, rows, ""]]) {
        if (!file) continue;
        await open(1280, 900, false, "light", file);
        const found = await ask(cells);
        const strange = numbers_are_rows(found, list);
        ok(name + "every number of the tables is one of the rows",
            found.filter(([value]) => value !== null).length > 100 && !strange.length,
            found.length + " cells " + JSON.stringify(strange));
        const silent = await ask(without_word);
        ok(name + "every line of a size and format says measured, cycled, modelled, or why not",
            silent.lines > 2 && !silent.without.length, JSON.stringify(silent));
    }
    const read = await ask(`[document.querySelectorAll("table").length,
        document.querySelectorAll("thead button").length, document.title,
        document.querySelector("h1").textContent, document.body.innerText.length]`);
    ok("without a script everything is there but the buttons",
        read[0] >= 3 && read[1] === 0 && read[2] && read[3] && read[4] > 2000, JSON.stringify(read));
    for (const [width, height] of [[1280, 900], [390, 844]]) {
        for (const scheme of ["light", "dark"]) {
            const name = `at ${width} pixels, ${scheme}`;
            await open(width, height, true, scheme);
            const wide = await ask(`[document.documentElement.scrollWidth, innerWidth]`);
            ok(name + ": nothing beyond the edge but what scrolls by itself", wide[0] <= wide[1],
                wide.join(" > "));
            if (scheme === "light" || width > 600)
                await shoot(`page-${width}-${scheme}.png`);
            // Thousands of cells take minutes: of rows with the same elements and attributes, but for
            // their numbers, one is looked at, of each table.
            await ask(`document.querySelectorAll("details").forEach(d => { d.open = true; });
                for (const body of document.querySelectorAll("#rows tbody")) {
                    const seen = new Set();
                    for (const row of Array.from(body.rows)) {
                        const shape = row.outerHTML.replace(/>[^<]*/g, ">").replace(/data-v="[^"]*"/g, "data-v");
                        if (seen.has(shape)) row.remove(); else seen.add(shape);
                    }
                }`);
            if (axe) {
                await ask(fs.readFileSync(axe, "utf8") + ";0");
                const bad = await ask(`axe.run().then(result => result.violations.map(v => v.id +
                    ": " + v.nodes.map(n => n.html.slice(0, 150) + n.failureSummary).slice(0, 3)))`);
                ok(name + ": no accessibility violation", bad.length === 0, bad.join("\n# "));
            }
        }
    }

    const sorted = await ask(`(() => {
        const other = document.querySelector("table"), result = [];
        const rows = () => Array.from(other.tBodies[0].rows).map(row => row.textContent);
        const before = rows().slice().sort().join();
        for (let column = 0; column < other.tHead.rows[0].cells.length; column++) {
            const heading = other.tHead.rows[0].cells[column];
            for (const direction of ["ascending", "descending"]) {
                heading.querySelector("button").click();
                const values = Array.from(other.tBodies[0].rows).map(row =>
                    row.cells[column].getAttribute("data-v")).filter(v => v !== null).map(Number);
                const sign = direction === "ascending" ? 1 : -1;
                result.push(heading.getAttribute("aria-sort") === direction &&
                    values.every((v, i) => !i || sign * (v - values[i - 1]) >= 0) &&
                    rows().slice().sort().join() === before);
            }
        }
        return result;
    })()`);
    ok("every column sorts, up and down, and no row is lost",
        sorted.length > 10 && sorted.every(Boolean), JSON.stringify(sorted));
    const foreign = requests.filter(url => !/^(file|data|about):/.test(url));
    ok("nothing is fetched", requests.length > 0 && !foreign.length, foreign.join());
    ok("the browser has nothing to complain about", !complaints.length, complaints.join("\n# "));
    console.log("1.." + count);
}

const limit = setTimeout(() => { console.log("Bail out! the browser does not answer"); end(1); },
    200000);
function end(code) {
    clearTimeout(limit);
    browser.once("exit", () => { // what it started may still write
        fs.rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
        process.exit(code);
    });
    browser.kill("SIGKILL");
}
main().then(() => end(failed ? 1 : 0), error => {
    console.log("Bail out! " + error.message);
    end(1);
});
