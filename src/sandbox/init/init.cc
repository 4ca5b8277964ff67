// fulcrum-init -- PROGRAM ARGUMENTS…: PID 1 of a workload with `init: true`. Starts the program in a session's foreground group, passes
// every signal on to it, reaps orphans, and ends as the program ends (128 + signal when it was killed).
//
// Freestanding: it is bound into images of any C library, or none.
#include <asm/unistd.h>
#include <stddef.h>

namespace {

#if defined(__x86_64__)
long call(long n, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
long call(long n, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  register long x8 __asm__("x8") = n;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
}
#else
#error "fulcrum-init: this architecture's system call convention is missing"
#endif

template <class T>
long address(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

constexpr long kBlock = 0, kSetMask = 2;                               // rt_sigprocmask: SIG_BLOCK, SIG_SETMASK
constexpr int kChild = 17, kTerminalInput = 21, kTerminalOutput = 22;  // SIGCHLD, SIGTTIN, SIGTTOU
constexpr long kNoHang = 1;                                            // WNOHANG
constexpr long kSetForeground = 0x5410;                                // TIOCSPGRP
constexpr long kNoEntry = -2, kInterrupted = -4;

size_t length(const char* text) {
  size_t n = 0;
  while (text[n] != '\0') ++n;
  return n;
}

bool starts_with(const char* text, const char* prefix) {
  for (; *prefix != '\0'; ++text, ++prefix) {
    if (*text != *prefix) return false;
  }
  return true;
}

void say(const char* text) { call(__NR_write, 2, address(text), static_cast<long>(length(text))); }

// Tries every folder of PATH. Returns the error that says most.
long execute(char** argv, char** envp) {
  const char* name = argv[0];
  for (const char* c = name; *c != '\0'; ++c) {
    if (*c == '/') return call(__NR_execve, address(name), address(argv), address(envp));
  }
  const char* path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (char** e = envp; *e != nullptr; ++e) {
    if (starts_with(*e, "PATH=")) path = *e + 5;
  }
  static char full[4096];
  long error = kNoEntry;
  const size_t name_length = length(name);
  while (true) {
    size_t n = 0;
    while (path[n] != '\0' && path[n] != ':') ++n;
    if (n + name_length + 2 <= sizeof full) {
      size_t at = 0;
      for (; at < n; ++at) full[at] = path[at];
      if (n > 0) full[at++] = '/';
      for (size_t i = 0; i <= name_length; ++i) full[at++] = name[i];
      const long tried = call(__NR_execve, address(static_cast<char*>(full)), address(argv), address(envp));
      if (tried != kNoEntry && tried != -20) error = tried;  // ENOTDIR says as little as ENOENT
    }
    if (path[n] == '\0') return error;
    path += n + 1;
  }
}

[[noreturn]] void leave(int code) {
  while (true) call(__NR_exit_group, code);
}

[[noreturn]] void become_program(char** argv, char** envp) {
  call(__NR_setpgid, 0, 0);
  int group = static_cast<int>(call(__NR_getpid));
  call(__NR_ioctl, 0, kSetForeground, address(&group));  // fails without a terminal, which is fine; SIGTTOU is blocked still
  unsigned long none = 0;
  call(__NR_rt_sigprocmask, kSetMask, address(&none), 0, sizeof none);
  const long error = execute(argv, envp);
  say("fulcrum-init: ");
  say(argv[0]);
  say(error == kNoEntry ? ": not found\n" : ": cannot be executed\n");
  leave(error == kNoEntry ? 127 : 126);
}

// Reaps everything that has ended. The program's own end is ours.
void reap(long program) {
  while (true) {
    int status = 0;
    const long pid = call(__NR_wait4, -1, address(&status), kNoHang, 0);
    if (pid <= 0) return;
    if (pid != program) continue;
    leave((status & 0x7f) == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f));
  }
}

}  // namespace

extern "C" [[noreturn]] __attribute__((used)) void fulcrum_init_main(long* stack) {
  const long argc = stack[0];
  char** argv = reinterpret_cast<char**>(stack + 1);
  char** envp = argv + argc + 1;
  long first = 1;
  if (argc > 1 && starts_with(argv[1], "--") && argv[1][2] == '\0') first = 2;
  if (argc <= first) {
    say("usage: fulcrum-init -- PROGRAM [ARGUMENTS]\n");
    leave(2);
  }
  unsigned long all = ~0UL;
  call(__NR_rt_sigprocmask, kBlock, address(&all), 0, sizeof all);
  const long child = call(__NR_clone, kChild, 0, 0, 0, 0);
  if (child < 0) {
    say("fulcrum-init: cannot start a process\n");
    leave(126);
  }
  if (child == 0) become_program(argv + first, envp);
  while (true) {
    const long signo = call(__NR_rt_sigtimedwait, address(&all), 0, 0, sizeof all);
    if (signo == kInterrupted) continue;
    if (signo == kChild) {
      reap(child);
    } else if (signo > 0 && signo != kTerminalInput && signo != kTerminalOutput) {
      call(__NR_kill, child, signo);
    }
  }
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call fulcrum_init_main\n");
#else
__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x0, sp\n  bl fulcrum_init_main\n");
#endif
