//! The pages that the windows of a test hold.

/// Tells the window on top what arrives, and says to the page above what the test wants said.
/// Where the page above is a window of its own, the one that opened it is told.
pub(crate) const CHAT: &str = "<!doctype html><script>
  const above = top.opener ?? top;
  addEventListener('message', (event) => {
    if (event.data && 'say' in event.data) parent.postMessage(event.data.say, '*');
    else above.postMessage({ chat: event.data, sender: event.origin }, '*');
  });
  above.postMessage({ loaded: location.origin }, '*');
</script>";

/// Single sign-on: sends the operator back to the chat once its page has loaded.
pub(crate) const LOGIN: &str = "<!doctype html><script>
  top.postMessage({ loaded: location.origin }, '*');
  addEventListener('message', (event) => top.postMessage({ login: event.data }, '*'));
  addEventListener('load', () => setTimeout(() => { location = '{chat}/chat/in'; }, 100));
</script>";

/// In a frame it tells the window on top, in a tab the one that its opener stands in, and how often
/// this tab has shown cards.
pub(crate) const CARD: &str = "<!doctype html><script>
  if (opener) {
    sessionStorage.visits = Number(sessionStorage.visits ?? 0) + 1;
    opener.top.postMessage({ card: location.pathname, visit: sessionStorage.visits }, '*');
  } else {
    top.postMessage({ card: location.pathname }, '*');
  }
</script>";

/// Stands beside the page and talks to it as if it were somebody.
pub(crate) const BESIDE: &str = "<!doctype html><script>
  addEventListener('message', (event) => top.frames[0].postMessage(event.data.say, '*'));
</script>";

/// The window on top: writes down what it is told. The scenario is the test's.
pub(crate) const TOP: &str = "<!doctype html><pre id=\"log\"></pre>
<iframe id=\"embed\" src=\"{page}\"></iframe>
<iframe id=\"stranger\" src=\"{stranger}/beside\"></iframe>
<iframe id=\"second-chat\" src=\"{chat}/beside\"></iframe>
<iframe id=\"second-crm\" src=\"{crm}/beside\"></iframe>
<script>
  const log = (entry) => { document.getElementById('log').textContent += JSON.stringify(entry) + '\\n'; };
  const frame = (name) => document.getElementById(name).contentWindow;
  const settle = () => new Promise((done) => setTimeout(done, 300));
  const chatSays = async (message) => { frame('embed').frames[0].postMessage({ say: message }, '*'); await settle(); };
  const besideSays = async (name, message) => { frame(name).postMessage({ say: message }, '*'); await settle(); };
  const crmSays = async (message) => { frame('embed').postMessage(message, '*'); await settle(); };
  const frames = () => log({ frames: frame('embed').length });
  addEventListener('message', (event) => log(event.data));
  addEventListener('load', async () => {
    await settle();
    {scenario}
    log('done');
  });
</script>";
