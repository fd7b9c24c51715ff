'use strict';

(() => {
  const settings = JSON.parse(document.getElementById('settings').textContent);
  const chat = document.createElement('iframe');

  const TEXT_MAX = 500;

  let isLoaded = false;
  // The chat itself has said something, and its page has loaded since: what is sent does arrive.
  let isHeard = false;
  let isThere = false;
  // The newest of each type, for as long as the frame may hold a page of login.
  const asked = new Map();
  // What the CRM's window was told to open, by tickets.
  const told = new Map();
  // The card that stands open: its address, the ticket that opened it, and where it is shown.
  let card = null;

  // Shapes. Whatever does not fit is undefined, and never guessed at.

  const isObject = (value) => typeof value === 'object' && value !== null;

  const textOf = (value) => {
    if (typeof value !== 'string' && !Number.isSafeInteger(value)) return undefined;
    const text = String(value).trim();
    const isSound = text !== '' && text.length <= TEXT_MAX && !/[\u0000-\u001f\u007f]|\p{Cs}/u.test(text);
    return isSound ? text : undefined;
  };

  // The vendor's own ids are numbers.
  const numberOf = (value) => {
    const text = textOf(value);
    return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
  };

  // Two dots alone would climb up in the address of a card.
  const cardIdOf = (value) => {
    const text = textOf(value);
    return text === '.' || text === '..' ? undefined : text;
  };

  // From here to the chat, and to no other origin.

  const post = (message) => chat.contentWindow.postMessage(message, settings.chatOrigin);

  const toChat = (message) => {
    if (!isThere) asked.set(message.Type, message);
    if (isLoaded) post(message);
  };

  const writeToClient = (asked) => {
    const search = isObject(asked) ? textOf(asked.Search) : undefined;
    if (search !== undefined) toChat({ Type: 'write_to_client', WriteToClient: { Search: search } });
  };

  const openTicket = (asked) => {
    if (!isObject(asked)) return;
    const ticket = {};
    const clientId = numberOf(asked.ClientId);
    const ticketId = numberOf(asked.TicketId);
    const crmId = textOf(asked.CRMID);
    if (clientId !== undefined) ticket.ClientId = clientId;
    if (ticketId !== undefined) ticket.TicketId = ticketId;
    if (crmId !== undefined) ticket.CRMID = crmId;
    if (Object.keys(ticket).length > 0) toChat({ Type: 'open_iframe_ticket', OpenTicket: ticket });
  };

  // From here to the window of the CRM; a browser delivers to the one origin that is really there.

  const toCrm = (message) => {
    if (window.parent === window) return;
    for (const origin of settings.crmOrigins) window.parent.postMessage(message, origin);
  };

  // The card.

  const addressOf = (id) =>
    settings.cardUrl === null ? null : settings.cardUrl.split('{id}').join(encodeURIComponent(id));

  const frameOf = (url) => {
    const frame = document.createElement('iframe');
    frame.id = 'card';
    frame.title = 'CRM';
    frame.src = url;
    document.body.append(frame);
    return { close: () => frame.remove() };
  };

  const tabOf = (url) => {
    const tab = window.open(url, 'patchbay-card');
    return { close: () => { if (tab !== null) tab.close(); } };
  };

  const noticeOf = (id, url, ticket) => {
    toCrm({ type: 'patchbay.open-card', id, url, ticket });
    return { close: () => toCrm({ type: 'patchbay.close-card', id, ticket }) };
  };

  const closeCard = () => {
    if (card !== null) card.place.close();
    card = null;
  };

  const openCard = (id, ticket) => {
    const url = addressOf(id);
    if (settings.cardView === 'message') {
      const notice = noticeOf(id, url, ticket);
      if (ticket !== null) told.set(ticket, notice);
      return;
    }
    if (url === null) return;
    // What an operator has begun to write in it stays, and so does a card that was opened by hand.
    if (card !== null && card.id === id && settings.cardView === 'frame') {
      if (card.ticket !== null) card.ticket = ticket;
      return;
    }
    if (settings.cardView === 'frame') closeCard();
    const views = { frame: () => frameOf(url), tab: () => tabOf(url) };
    if (Object.hasOwn(views, settings.cardView)) card = { id, ticket, place: views[settings.cardView]() };
  };

  const closeCardOf = (ticket) => {
    told.get(ticket)?.close();
    told.delete(ticket);
    // A card that the operator opened by hand, or from another ticket, stays.
    if (card !== null && card.ticket === ticket) closeCard();
  };

  // The bodies of these three are our design: see the README.

  const clientOf = (message) => (isObject(message.Client) ? cardIdOf(message.Client.IntegrationId) : undefined);

  const fromChat = (message) => {
    const ticket = numberOf(message.TicketId) ?? null;
    const id = clientOf(message);
    switch (message.Type) {
      case 'open_client':
        if (id !== undefined) openCard(id, null);
        break;
      case 'open_client_from_ticket':
        if (id !== undefined) openCard(id, ticket);
        break;
      case 'close_client_from_ticket':
        if (ticket !== null) closeCardOf(ticket);
        break;
    }
  };

  // The vendor's own messages, made anew from what is known of them.
  const fromCrm = (message) => {
    switch (message.Type) {
      case 'write_to_client':
        writeToClient(message.WriteToClient);
        break;
      case 'open_iframe_ticket':
        openTicket(message.OpenTicket);
        break;
    }
  };

  window.addEventListener('message', (event) => {
    if (!isObject(event.data)) return;
    if (event.source === chat.contentWindow && event.origin === settings.chatOrigin) {
      isHeard = true;
      fromChat(event.data);
    } else if (
      window.parent !== window &&
      event.source === window.parent &&
      settings.crmOrigins.includes(event.origin)
    ) {
      fromCrm(event.data);
    }
  });

  // A page of login loads too, and is told nothing: it has another origin.
  chat.addEventListener('load', () => {
    isLoaded = true;
    asked.forEach(post);
    isThere = isHeard;
    if (isThere) asked.clear();
  });

  // Only the CRM can have framed the page; a window of its own could be anybody's link.
  if (window.parent !== window) {
    const query = new URLSearchParams(window.location.search);
    writeToClient({ Search: query.get('search') });
    openTicket({ ClientId: query.get('client'), TicketId: query.get('ticket'), CRMID: query.get('crm') });
  }

  chat.id = 'chat';
  chat.title = document.title;
  chat.src = settings.chatUrl;
  document.body.append(chat);
})();
