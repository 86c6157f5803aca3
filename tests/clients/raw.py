"""A plain WebSocket, Python's websockets, on the raw endpoint.

    python raw.py http://127.0.0.1:8081
"""

import asyncio
import sys
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

COUNT = 1000
PATIENCE = 60

TEXTS = [
    "plain ASCII",
    "",
    '"quoted" \\ back\\\\slash \\u0041 \\n',
    "</script><!-- 100%25 %41 %80",
    "\x00\x01\x08\x0b\x1f\x7f\x80\x9f",
    "Grüße, żółć, Ελλάδα, Привет, שלום, العربية, 日本語",
    "😀 🇪🇺 \U0010ffff \U0001d49c",
    "\u200b\u200f\u2028\u2029\u202e\u2060\u206f\ufeff\ufff0\ufffd\uffff",
    '["a"]',
    "line\nline\rline\r\n",
]

server = (sys.argv[1:] or ["http://127.0.0.1:8081"])[0].rstrip("/").replace("http", "ws", 1)


async def echo():
    sent = [f"{i} {TEXTS[i % len(TEXTS)]}" for i in range(COUNT)]
    sent[COUNT // 2] = "ü" * 200_000
    async with connect(f"{server}/echo/websocket") as socket:

        async def send():
            for message in sent:
                await socket.send(message)

        sending = asyncio.create_task(send())
        for i, message in enumerate(sent):
            received = await socket.recv()
            assert received == message, f"message {i} is {received[:200]!r}"
        await sending
    assert socket.close_code == 1000, f"closed with {socket.close_code}"


async def fragments():
    async with connect(f"{server}/echo/websocket") as socket:
        await socket.send(["Grü", "", "ße", "!"])
        assert await socket.recv() == "Grüße!"


async def ping():
    async with connect(f"{server}/echo/websocket") as socket:
        pong = await socket.ping("here")
        assert await pong >= 0


async def server_closes():
    async with connect(f"{server}/close/websocket") as socket:
        try:
            received = await socket.recv()
        except ConnectionClosed as closed:
            got = (closed.rcvd.code, closed.rcvd.reason)
            assert got == (3000, "Go away!"), f"closed with {got}"
        else:
            raise AssertionError(f"received {received!r}")


async def many():
    async def one(i):
        async with connect(f"{server}/echo/websocket") as socket:
            await socket.send(f"I am {i}")
            assert await socket.recv() == f"I am {i}"

    await asyncio.gather(*(one(i) for i in range(50)))


async def main():
    checks = {
        f"{COUNT} messages echoed": echo,
        "fragments make one message": fragments,
        "a ping is answered": ping,
        "the server's close has code and reason": server_closes,
        "50 connections at once": many,
    }
    passed = 0
    for name, work in checks.items():
        start = time.monotonic()
        try:
            await asyncio.wait_for(work(), PATIENCE)
        except Exception as error:  # Whatever it is, the other checks are still of interest.
            print(f"raw websocket from Python: {name}: FAILED: {error!r}")
        else:
            passed += 1
            seconds = time.monotonic() - start
            print(f"raw websocket from Python: {name} in {seconds:.2f} s")
    failed = len(checks) - passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
