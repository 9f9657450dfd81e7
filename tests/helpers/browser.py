"""HTML pages in a headless Chromium: errors, broken links and images, width, text size and contrast.

One page of our own is served with the checked pages. It loads each of them into a frame of the wanted width and writes
its findings as JSON, which `--dump-dom` returns. Debian's package chromium is the only requirement.
"""

from __future__ import annotations

import functools
import http.server
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "no Chromium found (Debian: apt-get install chromium)"
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--virtual-time-budget=60000"),
)
PROBE = "__probe__.html"
SCRIPT = """<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>probe</title><body><pre id="out"></pre><script>
const pages = PAGES, width = WIDTH, found = {};
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255)
  .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
async function answers(url) { try { return (await fetch(url)).ok; } catch { return false; } }
async function look(page) {
  const base = new URL(page, location.href), text = await (await fetch(base)).text();
  const errors = [];
  window.said = message => errors.push(String(message));
  const watch = `<base href="${base}"><script>
    addEventListener("error", e => parent.said(e.message || (e.target.src || e.target.href) + " does not load"), true);
    addEventListener("unhandledrejection", e => parent.said(e.reason));
    console.error = (...words) => parent.said(words.join(" "));<\\/script>`;
  const frame = document.createElement("iframe");
  frame.style.cssText = `width: ${width}px; height: 900px; border: 0`;
  const loaded = new Promise(done => frame.onload = done);
  frame.srcdoc = text.replace(/<head>/i, "<head>" + watch);
  document.body.append(frame);
  await loaded;
  const seen = frame.contentDocument, root = seen.documentElement, small = [], pale = [];
  const walk = seen.createTreeWalker(seen.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim(), e = walk.currentNode.parentElement;
    if (!text || ["SCRIPT", "STYLE"].includes(e.tagName) || !e.offsetParent) continue;
    const style = frame.contentWindow.getComputedStyle(e);
    if (parseFloat(style.fontSize) < 12) small.push(`${style.fontSize}: ${text.slice(0, 40)}`);
    const [a, b] = [light(rgb(style.color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) pale.push(`${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  const levels = [...seen.querySelectorAll("h1, h2, h3, h4")].map(h => Number(h.tagName[1]));
  const ids = [...seen.querySelectorAll("[id]")].map(e => e.id), known = new Set(ids);
  const labels = [...seen.querySelectorAll("[aria-labelledby]")].map(e => e.getAttribute("aria-labelledby"));
  const unreachable = [...seen.querySelectorAll("*")].filter(e => e.scrollWidth > e.clientWidth + 1 && e.tabIndex < 0
    && ["auto", "scroll"].includes(frame.contentWindow.getComputedStyle(e).overflowX));
  const links = [...seen.querySelectorAll("a[href]")].map(a => a.href);
  const broken = [];
  for (const link of new Set(links)) if (!await answers(link)) broken.push(link);
  for (const img of seen.images) if (!img.naturalWidth) broken.push(img.src.slice(0, 80));
  found[page] = {errors, broken, links, small, pale, too_wide: root.scrollWidth - root.clientWidth, title: seen.title,
    skipped: levels.filter((level, n) => level > (levels[n - 1] ?? 0) + 1).length, unreachable: unreachable.length,
    dangling: [...ids.filter((id, n) => ids.indexOf(id) < n),
      ...labels.flatMap(text => text.split(" ")).filter(id => !known.has(id)),
      ...[...seen.querySelectorAll("a[href^='#']")].map(a => a.hash.slice(1)).filter(id => !known.has(id))],
    mains: seen.querySelectorAll("main").length, background: getComputedStyle(seen.body).backgroundColor,
    headings: seen.querySelectorAll("h1").length, lang: root.lang, unnamed: [...seen.images].filter(i => !i.alt).length,
    scopeless: seen.querySelectorAll("th:not([scope])").length,
    viewport: !!seen.querySelector("meta[name=viewport]")};
  frame.remove();
}
(async () => { for (const page of pages) await look(page);
  document.getElementById("out").textContent = "FOUND" + JSON.stringify(found) + "END"; })();
</script></body></html>"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.split("?")[0] != f"/{PROBE}":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.server.probe)  # type: ignore[attr-defined]

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def _served(folder: Path, probe: str) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    server.probe = probe.encode()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{PROBE}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def inspect_pages(folder: Path, pages: Sequence[str], width: int, dark: bool = False) -> dict[str, dict[str, Any]]:
    """By page (paths within the folder) what a browser finds in a window of so many pixels, in one of both themes."""
    assert BROWSER is not None, MISSING
    probe = SCRIPT.replace("PAGES", json.dumps(list(pages))).replace("WIDTH", str(width))
    with _served(folder, probe) as address, tempfile.TemporaryDirectory(prefix="trigger_lut_browser_") as profile:
        theme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
        command = [BROWSER, *OPTIONS, theme, f"--user-data-dir={profile}", "--dump-dom", address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    match = re.search(r"FOUND(\{.*\})END", unescape(done.stdout), re.DOTALL)
    assert match is not None, f"the probe did not end: {done.stdout[-500:]}{done.stderr[-500:]}"
    findings: dict[str, dict[str, Any]] = json.loads(match[1])
    return findings


def faults(findings: dict[str, Any]) -> list[str]:
    """Return the mistakes of a page, as `seen` describes it."""
    lines = [f"{key}: {line}" for key in ("errors", "broken", "small", "pale", "dangling") for line in findings[key]]
    lines += [f"{findings['too_wide']} pixels too wide"] * (findings["too_wide"] > 0)
    lines += [f"{findings['headings']} main headings"] * (findings["headings"] != 1)
    lines += ["no language"] * (not findings["lang"]) + ["no title"] * (not findings["title"])
    lines += [f"{findings['skipped']} levels of headings skipped"] * (findings["skipped"] > 0)
    lines += [f"{findings['unreachable']} boxes that scroll out of the keyboard's reach"] * (
        findings["unreachable"] > 0
    )
    lines += [f"{findings['mains']} main landmarks"] * (findings["mains"] != 1)
    lines += ["no viewport"] * (not findings["viewport"])
    lines += [f"{findings['unnamed']} images without a text"] * (findings["unnamed"] > 0)
    return lines + [f"{findings['scopeless']} heads of tables without scope"] * (findings["scopeless"] > 0)
