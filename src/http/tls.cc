#include "http/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <limits>

namespace fulcrum::http {
namespace {

struct Free {
  void operator()(SSL_CTX* p) const { SSL_CTX_free(p); }
  void operator()(SSL* p) const { SSL_free(p); }
  void operator()(X509* p) const { X509_free(p); }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Free>;
using SslPtr = std::unique_ptr<SSL, Free>;

/// The text of the oldest error of this thread's queue, which is emptied.
std::string last_error() {
  std::array<char, 256> text{};
  const auto code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection broke off";
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

int clamp(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, std::numeric_limits<int>::max())); }

class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> plain, SslPtr ssl) : plain_(std::move(plain)), ssl_(std::move(ssl)) {}

  int fd() const override { return plain_->fd(); }
  bool has_buffered() const override { return SSL_pending(ssl_.get()) > 0; }

  Result<Attempt> try_read(char* data, std::size_t size) override {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), data, clamp(size));
    if (n > 0) return Attempt{.bytes = static_cast<std::size_t>(n)};
    return verdict(n, "read");
  }

  Result<Attempt> try_write(std::string_view data) override {
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), data.data(), clamp(data.size()));
    if (n > 0) return Attempt{.bytes = static_cast<std::size_t>(n)};
    return verdict(n, "write");
  }

  Result<> shutdown_write() override {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // sends close_notify if there is room; the FIN below says the same to everybody
    ERR_clear_error();
    return plain_->shutdown_write();
  }

  Result<UniqueFd> release() override { return fail(Code::unimplemented, "an encrypted connection has no bare descriptor"); }

  Result<> handshake(const StopSource& stop, const Deadline& deadline) {
    for (;;) {
      ERR_clear_error();
      const int n = SSL_do_handshake(ssl_.get());
      if (n == 1) return {};
      const int why = SSL_get_error(ssl_.get(), n);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return fail(Code::unauthenticated, "TLS handshake: {}", last_error());
      TRY(wait_any(stop, deadline, {{fd(), why == SSL_ERROR_WANT_READ ? short{POLLIN} : short{POLLOUT}}}), "TLS handshake");
    }
  }

  std::string peer_name() const {
    const std::unique_ptr<X509, Free> certificate(SSL_get1_peer_certificate(ssl_.get()));
    if (certificate == nullptr) return {};
    std::array<char, 256> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(), static_cast<int>(name.size()));
    return name.data();
  }

 private:
  Result<Attempt> verdict(int n, const char* what) {
    switch (SSL_get_error(ssl_.get(), n)) {
      case SSL_ERROR_WANT_READ: return Attempt{.wait_for = POLLIN};
      case SSL_ERROR_WANT_WRITE: return Attempt{.wait_for = POLLOUT};
      case SSL_ERROR_ZERO_RETURN: return Attempt{.end = true};
      default: return fail(Code::unavailable, "TLS {}: {}", what, last_error());
    }
  }

  std::unique_ptr<Stream> plain_;
  SslPtr ssl_;
};

/// A context with our certificate, and the CA that peers are checked against.
Result<ContextPtr> make_context(const SSL_METHOD* method, const TlsFiles& files) {
  ERR_clear_error();
  ContextPtr context(SSL_CTX_new(method));
  if (context == nullptr) return fail(Code::internal, "TLS: {}", last_error());
  SSL_CTX* c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION);
  SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_chain_file(c, files.certificate.c_str()) != 1)
    return fail(Code::invalid_argument, "TLS certificate {}: {}", files.certificate, last_error());
  if (SSL_CTX_use_PrivateKey_file(c, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(Code::invalid_argument, "TLS key {}: {}", files.key, last_error());
  if (SSL_CTX_check_private_key(c) != 1)
    return fail(Code::invalid_argument, "TLS key {} does not belong to {}", files.key, files.certificate);
  if (SSL_CTX_load_verify_locations(c, files.ca.c_str(), nullptr) != 1)
    return fail(Code::invalid_argument, "TLS CA {}: {}", files.ca, last_error());
  return context;
}

Result<SslPtr> make_ssl(SSL_CTX* context, int fd) {
  SslPtr ssl(SSL_new(context));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), fd) != 1) return fail(Code::resource_exhausted, "TLS: {}", last_error());
  return ssl;
}

Result<Secured> secure(std::unique_ptr<Stream> plain, SslPtr ssl, const StopSource& stop, const Deadline& deadline) {
  auto stream = std::make_unique<TlsStream>(std::move(plain), std::move(ssl));
  TRY(stream->handshake(stop, deadline));
  auto name = stream->peer_name();
  return Secured{.stream = std::move(stream), .peer_name = std::move(name)};
}

class Server final : public TlsContext {
 public:
  explicit Server(ContextPtr context) : context_(std::move(context)) {}
  Result<Secured> accept(std::unique_ptr<Stream> plain, const StopSource& stop, const Deadline& deadline) const override {
    auto ssl = TRY(make_ssl(context_.get(), plain->fd()));
    SSL_set_accept_state(ssl.get());
    return secure(std::move(plain), std::move(ssl), stop, deadline);
  }

 private:
  ContextPtr context_;
};

class Connector final : public ClientTls {
 public:
  explicit Connector(ContextPtr context) : context_(std::move(context)) {}
  Result<Secured> connect(std::unique_ptr<Stream> plain, const std::string& host, const StopSource& stop,
                          const Deadline& deadline) const override {
    auto ssl = TRY(make_ssl(context_.get(), plain->fd()));
    SSL_set_connect_state(ssl.get());
    // An address is looked for among the certificate's addresses, a name among its names.
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) {
      ERR_clear_error();
      if (SSL_set1_host(ssl.get(), host.c_str()) != 1 || SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1)
        return fail(Code::invalid_argument, "TLS host \"{}\": {}", host, last_error());
    }
    return secure(std::move(plain), std::move(ssl), stop, deadline);
  }

 private:
  ContextPtr context_;
};

}  // namespace

Result<std::unique_ptr<TlsContext>> make_server_tls(const TlsFiles& files) {
  auto context = TRY(make_context(TLS_server_method(), files));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
  return std::make_unique<Server>(std::move(context));
}

Result<std::unique_ptr<ClientTls>> make_client_tls(const TlsFiles& files) {
  auto context = TRY(make_context(TLS_client_method(), files));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return std::make_unique<Connector>(std::move(context));
}

}  // namespace fulcrum::http
