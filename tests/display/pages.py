"""What tests of pages share: waiting, and access to the output of the player.

`tap` is an analyser of the player's master signal.
"""

from __future__ import annotations

import time

TAP = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode && !(this instanceof AnalyserNode)) {
    window.tap = new AnalyserNode(this.context, { fftSize: 8192 });
    connect.call(this, window.tap);
  }
  return connect.call(this, target, ...rest);
};
window.loudest = () => {
  const samples = new Float32Array(window.tap.fftSize);
  window.tap.getFloatTimeDomainData(samples);
  return Math.max(...samples.map(Math.abs));
};
"""


def until(page, expression: str, seconds: float = 10.0) -> None:
    """Wait until a JavaScript expression is true; Playwright's own wait needs eval, which the page
    forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"never true: {expression}"
        time.sleep(0.05)
