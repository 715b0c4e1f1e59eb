"""What a person does with the kernel `nascent` besides running cells: searches in the background,
interrupts, processes that end, forged messages.

Usage: kernel_behavior.py FOLDER, which is where runs go.
"""

import os
import sys
import threading
import time
import unittest

from jupyter_client.manager import KernelManager
from jupyter_client.session import Session

SEARCH = """let run = search! {
    space: "nas_bench_201 channels=8 cells=1", data: "digits", trials: 60, epochs: 3, workers: 1,
}?;"""


# A searcher that panics at a question, in place of the one that the run names.
BREAKS = """
use nascent::evaluate::Resources;
use nascent::search::{Ask, AskContext, Searcher};
use nascent::study::{Parts, RunOptions, Study};
use nascent_notebook::record::{Budget, DirectoryStore, SystemClock, Trial};
struct Breaks { searcher: Box<dyn Searcher>, questions: usize }
impl Searcher for Breaks {
    fn ask(&mut self, cx: &mut AskContext<'_>) -> nascent::Result<Ask> {
        self.questions -= 1;
        assert!(self.questions > 0, "a searcher breaks");
        self.searcher.ask(cx)
    }
    fn tell(&mut self, trial: &Trial) -> nascent::Result<()> { self.searcher.tell(trial) }
}
fn go_on(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let (store, view) = DirectoryStore::open(folder, Box::new(SystemClock))?;
    let dataset = Some(std::sync::Arc::new(nascent::datasets::load("digits", None)?));
    let (table, seed) = (None, Seed::new(view.manifest().seed));
    let resources = Resources { dataset, table, seed, device: "cpu".to_owned() };
    let parts = Parts::from_manifest(view.manifest(), &resources)?;
    let searcher: Box<dyn Searcher> = Box::new(Breaks { searcher: parts.searcher, questions: 10 });
    let parts = Parts { searcher, ..parts };
    let mut study = Study::open(parts, Box::new(store), view, std::sync::Arc::new(SystemClock))?;
    let budget = Budget { max_trials: Some(60), ..study.view().budget() };
    study.begin_session(2, budget)?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    study.run(&mut RunOptions { workers: 2, stop: &stop, observe: &mut |_| {} })?;
    Ok(())
}
"""


class Behavior(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.manager = KernelManager(kernel_name="nascent")
        cls.manager.start_kernel()
        cls.client = cls.manager.client()
        cls.client.start_channels()
        cls.client.wait_for_ready(timeout=120)
        cls.client.execute_interactive("1", timeout=300, output_hook=lambda message: None)

    @classmethod
    def tearDownClass(cls):
        cls.client.stop_channels()
        cls.manager.shutdown_kernel()
        assert not cls.manager.is_alive()

    def run_cell(self, code, timeout=120):
        """The reply, and all that was shown as text."""
        shown = []

        def take(message):
            content = message["content"]
            shown.append(content.get("text") or content.get("data", {}).get("text/plain", ""))

        reply = self.client.execute_interactive(code, timeout=timeout, output_hook=take)
        return reply["content"], "\n".join(shown)

    def result(self, code):
        reply, shown = self.run_cell(code)
        self.assertEqual(reply["status"], "ok", (code, reply, shown))
        return shown.strip()

    def interrupt_after(self, *seconds):
        for second in seconds:
            threading.Timer(second, self.manager.interrupt_kernel).start()

    def updates(self, seconds):
        """How often something that was shown changed in this time, while no cell runs."""
        end, count = time.time() + seconds, 0
        while time.time() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except Exception:
                continue
            count += message["msg_type"] == "update_display_data"
        return count

    def goes_on(self):
        """Whether the newest run, resumed, has the history of one that was not disturbed."""
        code = 'let again = Run::all("runs")?.pop().unwrap(); again.resume()?; again.wait()?;'
        self.result(code)
        self.result(SEARCH.replace("run", "whole", 1))
        self.result("whole.wait()?;")
        hashes = "again.view()?.history_hash() == whole.view()?.history_hash()"
        self.assertEqual(self.result(hashes), "true")
        self.assertEqual(self.result("again.view()?.finished_trials()"), "60")

    def heard(self, kind, seconds=20):
        """The content of the next message of this kind that all front ends hear."""
        end = time.time() + seconds
        while time.time() < end:
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except Exception:
                continue
            if message["msg_type"] == kind:
                return message["content"]
        self.fail(f"no {kind} within {seconds} seconds")

    def comm(self, kind, content):
        session, channel = self.client.session, self.client.shell_channel
        channel.send(session.msg(kind, content))

    def test_01_a_search_goes_on_while_nothing_else_does(self):
        self.result("let kept = 41;")
        self.result(SEARCH)
        self.assertEqual(self.result("kept + 1"), "42")
        self.assertGreaterEqual(self.updates(4), 4, "at least once a second")

    def test_02_an_interrupt_keeps_variables_and_the_search(self):
        self.interrupt_after(1)
        reply, _ = self.run_cell("run.wait()?;")
        self.assertEqual(reply["status"], "error")
        self.assertIn("interrupted", reply["evalue"])
        self.assertEqual(self.result("kept"), "41")
        self.assertEqual(self.result("run.is_running()"), "true")

    def test_03_another_cell_stops_the_search(self):
        self.result("run.stop()?;")
        self.assertEqual(self.result("run.is_running()"), "false")
        self.assertLess(int(self.result("run.view()?.finished_trials()")), 60)

    def test_04_a_cell_that_does_not_listen_is_ended_and_the_run_goes_on(self):
        self.interrupt_after(1, 2)
        reply, _ = self.run_cell("loop { std::hint::spin_loop(); }")
        self.assertEqual(reply["ename"], "ProcessEnded")
        self.assertIn("variables are lost", "\n".join(reply["traceback"]))
        self.assertEqual(self.run_cell("kept")[0]["status"], "error")
        self.goes_on()

    def test_05_a_process_that_ends_takes_only_itself(self):
        reply, _ = self.run_cell("std::process::abort()")
        self.assertEqual(reply["ename"], "ProcessEnded")
        self.assertEqual(self.result("2 + 2"), "4")

    def test_06_cells_behind_one_that_failed_do_not_run(self):
        ids = [self.client.execute(code) for code in ['panic!("on purpose")', "3 + 3"]]
        replies = {}
        while set(ids) - set(replies):
            message = self.client.get_shell_msg(timeout=60)
            replies[message["parent_header"]["msg_id"]] = message["content"]["status"]
        self.assertEqual([replies[id] for id in ids], ["error", "aborted"])

    def test_07_errors_name_lines_of_the_cell(self):
        reply, _ = self.run_cell("let fine = 1;\nfine + missing")
        text = "\n".join(reply["traceback"])
        self.assertIn("--> line 2, column 8", text)
        self.assertIn("2 | fine + missing", text)
        reply, _ = self.run_cell("plot!(best_so_fur, 1)")
        self.assertIn("best_so_far", "\n".join(reply["traceback"]))

    def test_08_who_does_not_know_the_key_is_not_heard(self):
        forger = Session(key=b"another key")
        message = forger.msg("execute_request", {
            "code": 'std::fs::write("forged", "").unwrap();', "silent": False,
            "store_history": False, "user_expressions": {}, "allow_stdin": False,
        })
        forger.send(self.client.shell_channel.socket, message)
        self.assertEqual(self.result("1 + 1"), "2")
        self.assertFalse(os.path.exists("forged"))

    def test_09_a_cell_asks_the_person(self):
        request = self.client.execute('input("name? ")?', allow_stdin=True)
        asked = self.client.get_stdin_msg(timeout=30)["content"]
        self.assertEqual((asked["prompt"], asked["password"]), ("name? ", False))
        self.client.input("Ada")
        self.assertEqual(self.heard("execute_result")["data"]["text/plain"], '"Ada"')
        while self.client.get_shell_msg(timeout=30)["parent_header"]["msg_id"] != request:
            pass
        reply = self.client.execute_interactive(
            'password("secret? ")?', allow_stdin=False, timeout=60, output_hook=lambda message: None
        )["content"]
        self.assertIn("nobody can be asked", reply["evalue"])

    def test_10_a_widget_and_a_cell_talk(self):
        self.result("""on_comm("echo", |comm, first| {
            let mut said = Some(first);
            while let Some(data) = said {
                if comm.send(json!({ "heard": data })).is_err() { break }
                said = comm.receive(std::time::Duration::from_secs(60)).ok().flatten();
            }
        });""")
        self.comm("comm_open", {"comm_id": "w1", "target_name": "echo", "data": {"a": 1}})
        heard = self.heard("comm_msg")
        self.assertEqual((heard["comm_id"], heard["data"]), ("w1", {"heard": {"a": 1}}))
        self.comm("comm_msg", {"comm_id": "w1", "data": {"b": 2}})
        self.assertEqual(self.heard("comm_msg")["data"], {"heard": {"b": 2}})
        self.client.comm_info("echo")
        while "comms" not in (info := self.client.get_shell_msg(timeout=30)["content"]):
            pass
        self.assertEqual(info["comms"], {"w1": {"target_name": "echo"}})
        self.comm("comm_close", {"comm_id": "w1", "data": {}})
        self.comm("comm_open", {"comm_id": "w2", "target_name": "nobody", "data": {}})
        self.assertEqual(self.heard("comm_close")["comm_id"], "w2")
        self.client.execute('let line = Comm::open("shown", json!({ "c": 3 }))?;')
        opened = self.heard("comm_open")
        self.assertEqual((opened["target_name"], opened["data"]), ("shown", {"c": 3}))

    def test_11_expressions_beside_a_cell(self):
        reply = self.client.execute_interactive(
            "let base = 20;", user_expressions={"more": "base + 1", "wrong": "no_such_thing"},
            timeout=60, output_hook=lambda message: None,
        )["content"]["user_expressions"]
        self.assertEqual(reply["more"]["data"]["text/plain"], "21")
        self.assertEqual((reply["wrong"]["status"], reply["wrong"]["ename"]), ("error", "CompilationError"))

    def test_12_a_cell_that_wants_more_memory_than_there_is(self):
        self.result(SEARCH)
        reply, _ = self.run_cell("let much: Vec<u8> = Vec::with_capacity(1 << 62); much.len()")
        self.assertEqual(reply["ename"], "ProcessEnded")
        self.goes_on()

    def test_13_a_kernel_that_is_killed(self):
        second = KernelManager(kernel_name="nascent")
        second.start_kernel()
        client = second.client()
        client.start_channels()
        client.wait_for_ready(timeout=120)
        client.execute_interactive(SEARCH, timeout=300, output_hook=lambda message: None)
        time.sleep(2)
        # Nobody listens any more, then nobody is there.
        client.stop_channels()
        time.sleep(1)
        second.shutdown_kernel(now=True)
        self.goes_on()

    def test_14_a_searcher_that_panics(self):
        search = """let part = search! {
    space: "nas_bench_201", evaluator: "size", data: "digits", trials: 3,
}?;"""
        self.result(search)
        self.result("part.wait()?;")
        self.result(BREAKS)
        reply, _ = self.run_cell("go_on(part.directory()).unwrap();")
        self.assertEqual((reply["status"], reply["ename"]), ("error", "Panic"))
        self.assertIn("a searcher breaks", reply["evalue"])
        self.result("part.resume()?; part.wait()?;")
        self.result(search.replace("part", "whole").replace("trials: 3", "trials: 60"))
        self.result("whole.wait()?;")
        self.assertEqual(self.result("part.view()?.finished_trials()"), "60")
        hashes = "part.view()?.history_hash() == whole.view()?.history_hash()"
        self.assertEqual(self.result(hashes), "true")

    def test_15_two_interrupts_of_two_cells_are_not_two_of_one(self):
        self.result("let kept = 43;")
        self.result(SEARCH)
        for _ in range(2):
            self.interrupt_after(1)
            reply, _ = self.run_cell("run.wait()?;")
            self.assertIn("interrupted", reply["evalue"])
        self.assertEqual(self.result("kept"), "43")
        self.result("run.stop()?;")

    def test_16_other_crates(self):
        # The toolkit has it too, so that it is at hand.
        self.result(':offline 1\n:dep itoa = "1"')
        self.assertEqual(self.result("itoa::Buffer::new().format(1234).len()"), "4")
        # One that is being written while cells use it.
        os.makedirs("mine/src")
        with open("mine/Cargo.toml", "w") as file:
            file.write('[package]\nname = "mine"\nversion = "0.1.0"\nedition = "2024"\n')
        for number in ("1", "22"):
            with open("mine/src/lib.rs", "w") as file:
                file.write(f"pub fn number() -> usize {{ {number} }}")
            self.result(f':dep mine = {{ path = "{os.getcwd()}/mine" }}')
            self.assertEqual(self.result(f"mine::number() + {number} - {number}"), number)
        self.assertEqual(self.result("Tensor::zeros(3, DType::F32, &Device::Cpu)?.dims().len()"), "1")
        self.result(":offline 0")


if __name__ == "__main__":
    os.chdir(sys.argv.pop(1))
    unittest.main(verbosity=2)
