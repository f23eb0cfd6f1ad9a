# The life of an instance by the package py_eureka_client: registers, finds others by name, renews, and leaves.
# Arguments: URL of Eureka, port that it serves.
import asyncio
import sys

import py_eureka_client.eureka_client as eureka

server, port = sys.argv[1], int(sys.argv[2])


async def live():
    client = await eureka.init_async(
        eureka_server=server,
        app_name="python-service",
        instance_port=port,
        instance_host="127.0.0.1",
        instance_ip="127.0.0.1",
        renewal_interval_in_secs=1,
        metadata={"zone": "a", "odd key": "<&>"},
    )
    print("registered", flush=True)
    loop = asyncio.get_running_loop()
    before = ""
    waiting = loop.run_in_executor(None, sys.stdin.readline)
    while True:
        names = sorted(
            f"{app.name}={instance.instanceId}:{instance.status}"
            for app in client.applications.applications
            for instance in app.instances
        )
        line = "apps " + " ".join(names)
        if line != before:
            print(line, flush=True)
        before = line
        if waiting.done():
            command = waiting.result().strip()
            if command == "stop":
                await eureka.stop_async()
                print("stopped", flush=True)
                return
            if command == "out":
                await client.status_update("OUT_OF_SERVICE")
            if command == "in":
                await client.delete_status_override()
            waiting = loop.run_in_executor(None, sys.stdin.readline)
        await asyncio.sleep(0.05)


asyncio.run(live())
