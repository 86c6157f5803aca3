"""The SockJS server for aiohttp with the mounts that sockjs-bench measures.

    python server.py PORT
"""

import asyncio
import sys

import sockjs
from aiohttp import web

# Between two polls, sessions are to live for as long as somebody looks at them.
OPTIONS = {"disconnect_delay": 600, "cookie_needed": False}


async def echo(manager, session, message):
    if message.type == sockjs.MsgType.MESSAGE:
        session.send(message.data)


async def broadcast(manager, session, message):
    if message.type == sockjs.MsgType.MESSAGE:
        manager.broadcast(message.data)


TOPIC = set()


async def topics(manager, session, message):
    """A session is in the topic once it has sent "join". Everything else that is sent goes to the topic."""
    if message.type == sockjs.MsgType.MESSAGE:
        if message.data == "join":
            TOPIC.add(session)
            session.send("joined")
        else:
            for member in TOPIC:
                member.send(message.data)
    elif message.type == sockjs.MsgType.CLOSED:
        TOPIC.discard(session)


async def main(port):
    app = web.Application()
    sockjs.add_endpoint(app, echo, name="echo", prefix="/echo", **OPTIONS)
    sockjs.add_endpoint(app, broadcast, name="broadcast", prefix="/broadcast", **OPTIONS)
    sockjs.add_endpoint(app, topics, name="topics", prefix="/topics", **OPTIONS)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    host, port = runner.addresses[0][:2]
    print(f"listening on {host}:{port}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(int(sys.argv[1])))
