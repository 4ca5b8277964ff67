// Starts one command again and again and times it: a line on standard input starts it, a line "nanoseconds status" answers.
// The time is from just before the spawn until the child is reaped. Standard streams of the command are /dev/null and the
// error file named first: stopwatch ERRORS COMMAND [ARGUMENT…]
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
  char* line = NULL;
  size_t size = 0;
  while (getline(&line, &size, stdin) > 0) {
    pid_t pid;
    int status = 0;
    const long long start = now();
    if (posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ) != 0) {
      status = 127;
    } else {
      if (waitpid(pid, &status, 0) != pid) return 3;
      status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    printf("%lld %d\n", now() - start, status);
    fflush(stdout);
  }
  return 0;
}
