"""Small static programs compiled for a test, to be put into its image."""
import pathlib
import subprocess
import tempfile

SOURCES = {
    # Calls one system call by number and prints the errno.
    "syscall": """
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(int argc, char** argv) {
  long r = syscall(atol(argv[1]), argc > 2 ? atol(argv[2]) : 0, argc > 3 ? atol(argv[3]) : 0, 0, 0, 0, 0);
  printf("%d\\n", r < 0 ? errno : 0);
  return 0;
}""",
    # Touches memory, a MiB at a time, and says how far it came.
    "eat": """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char** argv) {
  for (int i = 1; i <= atoi(argv[1]); i++) {
    char* p = malloc(1 << 20);
    if (!p) return 3;
    memset(p, i, 1 << 20);
  }
  puts("ate");
  fflush(stdout);
  if (argc > 2) pause();
  return 0;
}""",
    "true": "int main(void) { return 0; }",
}


def compile_static(name):
    """The bytes of a static program."""
    with tempfile.TemporaryDirectory(prefix="fulcrum-cc-") as folder:
        source, target = pathlib.Path(folder, name + ".c"), pathlib.Path(folder, name)
        source.write_text(SOURCES[name])
        subprocess.run(["gcc", "-O1", "-static", "-o", target, source], check=True)
        return target.read_bytes()
