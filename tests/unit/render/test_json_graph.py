from __future__ import annotations

import json
from dataclasses import replace

from unit.render.samples import HOSTILE_NAMES, edge, function, graph, node, run, thread

from callgraph_lab.ending_model import OpenCalls
from callgraph_lab.memory_model import NodeMemory
from callgraph_lab.model import HiddenByRule, RecordedProcess, RecordedThread
from callgraph_lab.render.json_graph import graph_document, json_text


def test_the_document_is_as_promised() -> None:
    loop = function(
        "_IOLoop.loop",
        module="pyftpdlib.ioloop",
        file="/lib/ioloop.py",
        line=330,
        class_name="pyftpdlib.ioloop:Epoll",
        pycallgraph2_name="pyftpdlib.ioloop.Epoll.loop",
    )
    whole = graph(
        [
            thread(),
            node(
                "l",
                loop,
                calls=2,
                total_calls=3,
                resumes=1,
                unreturned=OpenCalls(killed=1),
                suspended=4,
            ),
        ],
        [edge("t", "l", calls=2, bridged=True, skipped_frames=5)],
        hidden=(HiddenByRule("exclude x", 2, 3),),
        include=("a.*",),
        filters=("ftp-server",),
    )
    document = graph_document(
        whole,
        run(argv=("-p", "2121"), notes=("cut short",)),
        processes=[RecordedProcess(pid=7, parent_pid=1, argv=("app.py",), ending="running")],
        threads=[RecordedThread(pid=7, name="MainThread", root=0, alive=True)],
    )
    assert document["schema"] == 1
    assert document["recording"] == {
        "name": "app-20261123-141502",
        "target": "app.py",
        "argv": ["-p", "2121"],
        "python": "3.11.7",
        "engine": "pycallgraph2",
        "started": "2026-11-23T14:15:02+01:00",
        "duration_ns": 2_130_000_000,
        "complete": True,
        "running": False,
        "exit_status": None,
        "notes": ["cut short"],
        "processes": [
            {
                "pid": 7,
                "parent_pid": 1,
                "argv": ["app.py"],
                "running": True,
                "ending": "running",
                "stop_reason": "",
                "processes": 1,
                "peak_bytes": None,
            }
        ],
        "threads": [
            {"pid": 7, "name": "MainThread", "threads": 1, "alive": True, "ending": "exited"}
        ],
    }
    assert document["query"] == {
        "max_depth": 4,
        "depth_by": "visible",
        "naming": "cglab",
        "include": ["a.*"],
        "exclude": [],
        "filters": ["ftp-server"],
        "process": None,
        "action": None,
        "nth": None,
        "stdlib": None,
    }
    assert document["nodes"][0]["kind"] == "thread"
    assert document["nodes"][0]["class"] is None
    assert document["nodes"][1] == {
        "id": "l",
        "kind": "function",
        "name": "pyftpdlib.ioloop.Epoll.loop",
        "pycallgraph2_name": "pyftpdlib.ioloop.Epoll.loop",
        "module": "pyftpdlib.ioloop",
        "qualname": "_IOLoop.loop",
        "class": "pyftpdlib.ioloop.Epoll",
        "defined_in": "_IOLoop",
        "file": "/lib/ioloop.py",
        "line": 330,
        "stdlib": False,
        "calls": 2,
        "total_calls": 3,
        "resumes": 1,
        "open_calls": 1,
        "open_calls_by_ending": {"killed": 1},
        "suspended": 4,
        "inclusive_ns": 1000,
        "self_ns": 500,
        "min_depth": 1,
        "memory": None,
    }
    assert document["edges"] == [
        {
            "source": "t",
            "target": "l",
            "calls": 2,
            "resumes": 0,
            "inclusive_ns": 1000,
            "bridged": True,
            "skipped_frames": 5,
        }
    ]
    assert document["hidden"] == {
        "functions": 2,
        "calls": 3,
        "by_rule": [{"rule": "exclude x", "functions": 2, "calls": 3}],
    }


def test_hostile_names_survive_and_the_text_is_ascii() -> None:
    whole = graph([node(str(n), function(name)) for n, name in enumerate(HOSTILE_NAMES)])
    text = json_text(graph_document(whole, run()))
    assert text.isascii()
    assert [each["qualname"] for each in json.loads(text)["nodes"]] == list(HOSTILE_NAMES)


def test_memory_where_it_was_counted() -> None:
    memory = NodeMemory(100, 20, 80, 3, 1100, 90, 5000)
    whole = graph([replace(thread(), memory=memory)], [])
    (root,) = graph_document(whole, run())["nodes"]
    assert root["memory"] == {
        "allocated_bytes": 100,
        "freed_bytes": 20,
        "net_bytes": 80,
        "blocks": 3,
        "inclusive_allocated_bytes": 1100,
        "inclusive_net_bytes": 90,
        "peak_bytes": 5000,
    }
