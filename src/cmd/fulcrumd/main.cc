// fulcrumd: puts the modules together, serves, and ends on SIGTERM or SIGINT. Workloads do not notice either.
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "base/sys.h"
#include "base/units.h"
#include "control/engine.h"
#include "control/image_access.h"
#include "control/rootless_networks.h"
#include "fulcrumd/listeners.h"
#include "fulcrumd/machine_facts.h"
#include "fulcrumd/options.h"
#include "fulcrumd/rootless.h"
#include "http/server.h"
#include "sandbox/namespace/namespace_sandbox.h"
#include "server/docker/api.h"
#include "server/native/api.h"
#include "server/native/capabilities.h"
#include "store/maintainer.h"
#include "store/sqlite/sqlite_store.h"

namespace fulcrum::daemon {

namespace {

/// Blocks the signals that end the daemon, for all threads to come, and makes them readable.
Result<UniqueFd> signals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signo : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signo);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno(errno, "sigprocmask");
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC));
  if (!fd.valid()) return fail_errno(errno, "signalfd");
  return fd;
}

/// One engine for each data folder.
Result<UniqueFd> lock_directory(const std::string& directory) {
  auto file = TRY(sys::open(directory + "/lock", O_RDWR | O_CREAT, 0600));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return fail(Code::failed_precondition, "another fulcrumd uses {}", directory);
    return fail_errno(errno, "lock {}", directory);
  }
  return file;
}

std::string own_directory() {
  auto path = sys::read_link("/proc/self/exe").value_or("/usr/bin/fulcrumd");
  return path.substr(0, path.rfind('/'));
}

std::string libexec_of(const Options& options) { return options.libexec.empty() ? own_directory() : options.libexec; }

Result<network::ManagerOptions> network_options(const Options& options) {
  network::ManagerOptions manager{.instance = options.instance, .pool_prefix = static_cast<std::uint8_t>(options.pool_prefix)};
  for (const auto& pool : options.pools) manager.pools.push_back(TRY(network::Prefix::parse(pool), "--default-pool"));
  return manager;
}

Result<image::registry::Options> registry_options(const Options& options) {
  image::registry::Options registry{
      .insecure_registries = options.insecure_registries, .certs_dir = options.certs_dir, .docker_config = options.docker_config};
  for (const auto& mirror : options.registry_mirrors) {
    const auto equals = mirror.find('=');
    if (equals == std::string::npos) return fail(Code::invalid_argument, "--registry-mirror: \"{}\" is not DOMAIN=URL", mirror);
    registry.mirrors[mirror.substr(0, equals)].push_back(mirror.substr(equals + 1));
  }
  return registry;
}

/// Tells whoever started us: systemd's NOTIFY_SOCKET, a test's descriptor.
void tell_ready(const Options& options) {
  if (options.ready_fd >= 0) {
    const UniqueFd fd(options.ready_fd);
    [[maybe_unused]] const auto written = ::write(fd.get(), "ready\n", 6);
  }
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0' || std::strlen(path) >= sizeof(sockaddr_un::sun_path)) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path, std::strlen(path));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  constexpr std::string_view kReady = "READY=1";
  [[maybe_unused]] const auto sent =
      ::sendto(socket.get(), kReady.data(), kReady.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
}

Result<> make_folders(const Options& options) {
  TRY(sys::make_directories(options.data_dir, 0711), "--data-dir");
  TRY(sys::make_directories(options.run_dir, 0711), "--run-dir");
  return {};
}

/// Everything below the API, in the order in which it is made; destroyed the other way round.
struct Modules {
  UniqueFd lock;
  std::unique_ptr<store::Store> store;
  std::optional<image::ImageStore> images;
  std::optional<image::registry::Client> registry;
  std::unique_ptr<network::Manager> network;
  std::unique_ptr<sandbox::NamespaceSandbox> sandbox;
  std::unique_ptr<topology::Topologies> topologies;
  std::unique_ptr<control::Images> image_access;
  std::unique_ptr<control::Networks> networks;
  std::unique_ptr<store::Maintainer> maintainer;
  std::unique_ptr<control::Engine> engine;
  std::unique_ptr<control::Builder> builder;
};

Result<> open_modules(const Options& options, const std::optional<os::Rootless>& rootless, Modules& m) {
  TRY(make_folders(options));
  m.lock = TRY(lock_directory(options.data_dir));
  store::SqliteOptions store_options;
  if (!options.storage_limit.empty())
    store_options.max_size = static_cast<std::size_t>(TRY(parse_size(options.storage_limit), "--storage-limit"));
  m.store = TRY(store::open_sqlite_store(options.data_dir + "/state.db", store_options));
  m.images = TRY(image::ImageStore::open(options.data_dir + "/images"));
  m.registry.emplace(TRY(registry_options(options)));
  m.network = TRY(network::Manager::open(TRY(network_options(options))));
  const auto libexec = libexec_of(options);
  m.sandbox = TRY(sandbox::NamespaceSandbox::open({.data_dir = options.data_dir,
                                                   .run_dir = options.run_dir,
                                                   .runtime = libexec + "/fulcrum-oci",
                                                   .shim = libexec + "/fulcrum-shim",
                                                   .init = libexec + "/fulcrum-init",
                                                   .cgroup_parent = options.cgroup_parent,
                                                   .userns = options.userns,
                                                   .no_ports = rootless ? why_no_ports(options, *rootless) : ""}));
  m.topologies = std::make_unique<topology::Topologies>(*m.sandbox);
  m.image_access = control::make_images(*m.images, *m.registry);
  m.networks = control::make_networks(*m.network);
  if (rootless) {
    std::optional<network::HostForwards> forwards;
    if (!rootless->forwards.empty()) forwards.emplace(rootless->forwards, std::string(os::kSlirpAddress));
    m.networks = control::make_rootless_networks(std::move(m.networks), std::move(forwards));
  }
  m.engine = std::make_unique<control::Engine>(control::EngineSetup{.store = *m.store,
                                                                    .topologies = *m.topologies,
                                                                    .namespaces = *m.sandbox,
                                                                    .images = *m.image_access,
                                                                    .networks = *m.networks,
                                                                    .data_dir = options.data_dir,
                                                                    .run_dir = options.run_dir,
                                                                    .dns = options.dns,
                                                                    .boot_id = boot_id(),
                                                                    .clock = Clock::system(),
                                                                    .queue_clock = store::lease_clock()});
  TRY(m.engine->start(), "recover");
  m.builder = std::make_unique<control::Builder>(m.engine->parts(), *m.sandbox, *m.images, *m.registry);
  m.maintainer = std::make_unique<store::Maintainer>(*m.store, store::lease_clock(),
                                                     [](const Error& error) { log::error("store", {{"error", error.message}}); });
  return {};
}

control::Facts facts(const Options& options, const std::optional<os::Rootless>& rootless) {
  auto facts = machine_facts(options, rootless);
  facts.runtime = libexec_of(options) + "/fulcrum-oci";
  facts.init = libexec_of(options) + "/fulcrum-init";
  return facts;
}

server::native::Api make_api(const Options& options, const std::optional<os::Rootless>& rootless, Modules& m) {
  return {.engine = *m.engine,
          .images = *m.images,
          .registry = *m.registry,
          .registry_as =
              [options, registry = &*m.registry](const image::registry::Credential& credential, const std::string& domain, bool insecure) {
                auto with = registry_options(options).value_or(image::registry::Options{});
                if (!credential.empty()) with.credentials[domain] = credential;
                if (insecure) with.insecure_registries.push_back(domain);
                return registry->sibling(with);
              },
          .topologies = *m.topologies,
          .facts = facts(options, rootless),
          .builder = *m.builder};
}

/// Two APIs on one socket, each with its own words for an error: the native one has all paths below /v1/.
std::string error_body(const Error& error, int status, const http::Request* request) {
  const bool native = request == nullptr || request->path().starts_with("/v1/");
  return native ? server::native::error_body(error, status, request) : server::docker::error_body(error, status, request);
}

Result<> run(const Options& options, const std::optional<os::Rootless>& rootless) {
  const auto signal_fd = TRY(signals());
  Modules modules;
  TRY(open_modules(options, rootless, modules));
  auto api = make_api(options, rootless, modules);
  server::docker::Api docker{.native = api};
  http::Router router;
  router.accept_version_prefix(true);
  server::native::add_routes(router, api);
  server::native::add_capability_route(router, api.topologies, server::docker::operations_json());
  server::docker::add_routes(router, docker);
  auto listeners = TRY(Listeners::open(options));
  http::Server server(std::move(router),
                      {.error_body = error_body, .on_request = [](const http::Request& request, int status) {
                         log::debug("request",
                                    {{"method", request.method()}, {"target", request.target()}, {"status", fmt::format("{}", status)}});
                       }});
  StopSource stop;
  Result<> served;
  std::thread serving([&] {
    served = server.run(listeners.take(), stop);
    stop.request_stop();
  });
  log::info("ready", {{"socket", options.socket}, {"data", options.data_dir}, {"version", FULCRUM_VERSION}});
  tell_ready(options);
  (void)wait_any(stop, Deadline::never(), {{signal_fd.get(), POLLIN}});
  log::info("stop", {{"reason", stop.stop_requested() ? "the server ended" : "signal"}});
  stop.request_stop();
  serving.join();
  modules.engine->stop();
  if (rootless) TRY(leave_rootless(options, *modules.sandbox));
  return served;
}

log::Level level_of(std::string_view word) {
  if (word == "debug") return log::Level::debug;
  if (word == "warning") return log::Level::warning;
  if (word == "error") return log::Level::error;
  return log::Level::info;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && argv[1] == os::kHolderArgument) return os::hold_namespaces();
  ::mallopt(M_ARENA_MAX, 2);  // many threads, little allocation: arenas would only keep memory
  ::umask(0022);
  const auto parsed = parse_options(argc, argv);
  if (parsed.exit_code) {
    std::fputs(parsed.text.c_str(), *parsed.exit_code == 0 ? stdout : stderr);
    return *parsed.exit_code;
  }
  log::set_level(level_of(parsed.options.log_level));
  log::set_json(parsed.options.log_json);
  const auto give_up = [](const Error& error) {
    log::error("fulcrumd cannot go on", {{"error", error.message}});
    return 1;
  };
  auto options = parsed.options;
  if (!options.rootless_enter.empty()) return give_up(enter_and_execute(options));
  std::optional<os::Rootless> rootless;
  if (is_rootless(options)) {
    auto entered = go_rootless(options);
    if (!entered) return give_up(entered.error());
    rootless = std::move(*entered);
  }
  const auto ran = run(options, rootless);
  if (ran) return 0;
  if (rootless && rootless->fresh) (void)os::end_rootless(options.run_dir);  // nothing came to live in them
  return give_up(ran.error());
}

}  // namespace fulcrum::daemon

int main(int argc, char** argv) { return fulcrum::daemon::main(argc, argv); }
