"""The kernel against jupyter-kernel-test, which asks of it what the protocol of Jupyter says.

Usage: kernel_test.py, with the kernel `nascent` where JUPYTER_PATH says. It exits with 1 if a test
fails, or is skipped without being among those that are known to be.
"""

import sys
import unittest

import jupyter_kernel_test

# A pager is a window of its own that IPython opens for help; no front end needs it.
SKIPPED = {"test_pager"}


class NascentKernelTests(jupyter_kernel_test.KernelTests):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A session is there at once, and its cells some seconds later.
        cls.kc.execute_interactive("1", timeout=300)

    kernel_name = "nascent"
    language_name = "rust"
    file_extension = ".rs"
    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("test");'
    code_generate_error = 'panic!("on purpose");'
    code_execute_result = [
        {"code": "1 + 2", "result": "3"},
        {"code": "[1, 2].map(|x| x + 1)", "result": "[2, 3]"},
    ]
    code_display_data = [
        {"code": 'Bundle::new("<b>bold</b>", "bold").show();', "mime": "text/html"},
    ]
    code_clear_output = "nascent_notebook::clear_output(false);"
    completion_samples = [
        {"text": "let letters = String::new(); letters.is_emp", "matches": ["is_empty()"]},
    ]
    complete_code_samples = ["1", "let x = 1;", "fn f() {\n}", ":help"]
    incomplete_code_samples = ["fn f() {", "let x =", 'println!("']
    invalid_code_samples = ["}", "let x = (1];"]
    code_inspect_sample = "fn documented() {} documented"
    code_history_pattern = "1*2"
    supported_history_operations = ("tail", "range", "search")


if __name__ == "__main__":
    program = unittest.main(exit=False, verbosity=2)
    skipped = {test.id().rsplit(".", 1)[-1] for test, _ in program.result.skipped}
    unexpected = skipped - SKIPPED
    if unexpected:
        print("skipped:", ", ".join(sorted(unexpected)))
    sys.exit(0 if program.result.wasSuccessful() and not unexpected else 1)
