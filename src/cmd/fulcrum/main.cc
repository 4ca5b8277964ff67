// fulcrum: the command line. Finds the verb, parses its flags, runs it.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/log.h"
#include "cmd/fulcrum/output.h"
#include "cmd/fulcrum/verb.h"

namespace fulcrum::cli {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = [] {
    std::vector<Command> out;
    for (const auto& part : {run_commands(), apply_commands(), lifecycle_commands(), list_commands(), stream_commands(), copy_commands(),
                             build_commands(), image_commands(), volume_commands(), network_commands(), file_commands(), system_commands()})
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }();
  return commands;
}

namespace {

constexpr int kUsage = 2;

void print_overview() {
  std::string out =
      "fulcrum: one engine for every point between a virtual machine and a function\n\n"
      "Usage: fulcrum [--socket PATH] VERB [FLAGS] …\n";
  std::string_view group;
  for (const auto& command : all_commands()) {
    if (command.group != group) {
      group = command.group;
      out += "\n" + coloured(group, "bold") + "\n";
    }
    out += fmt::format("  {:<20} {}\n", command.path, command.summary);
  }
  out +=
      "\nExamples\n"
      "  fulcrum run --rm -it debian sh\n"
      "  fulcrum run -d --name web -p 8080:80 nginx && fulcrum logs -f web\n"
      "  fulcrum up -f shop.yaml\n"
      "\nfulcrum VERB --help tells more. The engine is reached at --socket, else $FULCRUM_SOCKET, else an ordinary user's own\n"
      "($XDG_RUNTIME_DIR/fulcrum/fulcrum.sock), else /run/fulcrum/fulcrum.sock.\n";
  print(out);
}

const Command* find(std::span<const std::string> words, std::size_t& used) {
  for (const std::size_t count : {2u, 1u}) {
    if (words.size() < count) continue;
    const auto path = count == 2 ? words[0] + " " + words[1] : words[0];
    for (const auto& command : all_commands()) {
      if (command.path != path) continue;
      used = count;
      return &command;
    }
  }
  return nullptr;
}

/// Verbs below a noun, for `fulcrum image`.
bool print_noun(const std::string& noun) {
  std::string out;
  for (const auto& command : all_commands())
    if (command.path.starts_with(noun + " ")) out += fmt::format("  {:<20} {}\n", command.path, command.summary);
  if (out.empty()) return false;
  print("Usage: fulcrum " + noun + " VERB\n\n" + out);
  return true;
}

std::string default_socket() {
  constexpr const char* kSystem = "/run/fulcrum/fulcrum.sock";
  const char* named = std::getenv("FULCRUM_SOCKET");
  if (named != nullptr && *named != '\0') return named;
  if (::geteuid() == 0) return kSystem;
  // An ordinary user's own engine, unless there is only the system's.
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const auto run = runtime != nullptr && *runtime == '/' ? std::string(runtime) : fmt::format("/run/user/{}", ::getuid());
  const auto own = run + "/fulcrum/fulcrum.sock";
  return ::access(own.c_str(), F_OK) != 0 && ::access(kSystem, W_OK) == 0 ? kSystem : own;
}

void complain(const Error& error) { note("fulcrum: " + error.message); }

int main(std::vector<std::string> words) {
  std::string socket = default_socket();
  std::size_t first = 0;
  for (; first < words.size() && words[first].starts_with('-'); ++first) {
    const auto& word = words[first];
    if (word == "--help" || word == "-h") {
      print_overview();
      return 0;
    }
    if (word == "--version") {
      words[first] = "version";
      break;
    }
    if (word.starts_with("--socket=")) {
      socket = word.substr(9);
    } else if ((word == "--socket" || word == "-H") && first + 1 < words.size()) {
      socket = words[++first];
    } else {
      complain({Code::invalid_argument, "unknown flag " + word + "; see fulcrum --help"});
      return kUsage;
    }
  }
  if (socket.starts_with("unix://")) socket = socket.substr(7);
  const std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(first), words.end());
  if (rest.empty() || rest[0] == "help") {
    print_overview();
    return rest.empty() ? kUsage : 0;
  }
  std::size_t used = 0;
  const auto* command = find(rest, used);
  if (command == nullptr) {
    if (print_noun(rest[0])) return rest.size() == 1 || rest[1] == "--help" ? 0 : kUsage;
    complain({Code::invalid_argument, "\"" + printable(rest[0]) + "\" is no verb; see fulcrum --help"});
    return kUsage;
  }
  const auto verb = command->make();
  const auto parsed = parse(*command, *verb, {rest.begin() + static_cast<std::ptrdiff_t>(used), rest.end()});
  if (!parsed) {
    if (parsed.error().code == Code::cancelled) return 0;
    complain(parsed.error());
    return verb->failure_status() == 1 ? kUsage : verb->failure_status();
  }
  Context context(socket);
  const auto status = verb->run(context);
  if (status) return *status;
  complain(status.error());
  return verb->failure_status();
}

}  // namespace
}  // namespace fulcrum::cli

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  try {  // libraries throw: an answer of another shape than this program knows, no memory
    return fulcrum::cli::main(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& e) {
    fulcrum::cli::complain({fulcrum::Code::internal, e.what()});
    return 1;
  }
}
