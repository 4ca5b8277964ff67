// TLS with mutual authentication (OpenSSL). Not linked into programs that do not name it.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "base/wait.h"
#include "http/stream.h"

namespace fulcrum::http {

/// PEM files.
struct TlsFiles {
  std::string certificate;  ///< ours, with its chain
  std::string key;          ///< of the certificate
  std::string ca;           ///< that signs the peers we accept
};

/// An encrypted stream after its handshake.
struct Secured {
  std::unique_ptr<Stream> stream;
  std::string peer_name;  ///< common name of the peer's certificate
};

/// The server's side: TLS 1.2 or later, and no client without a certificate of the given CA. Thread-safe.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  /// Errors: unauthenticated when the client has no good certificate, unavailable, deadline_exceeded, cancelled.
  [[nodiscard]] virtual Result<Secured> accept(std::unique_ptr<Stream> plain, const StopSource& stop, const Deadline& deadline) const = 0;
};

/// The client's side: checks the server's certificate against the CA and its name. Thread-safe.
class ClientTls {
 public:
  virtual ~ClientTls() = default;
  /// `host`: the name or address that the server's certificate must carry. Errors: unauthenticated, unavailable, deadline_exceeded,
  /// cancelled.
  [[nodiscard]] virtual Result<Secured> connect(std::unique_ptr<Stream> plain, const std::string& host, const StopSource& stop,
                                                const Deadline& deadline) const = 0;
};

/// Loads the files. Errors: invalid_argument when one is not PEM or the key does not belong to the certificate; not_found.
[[nodiscard]] Result<std::unique_ptr<TlsContext>> make_server_tls(const TlsFiles& files);
[[nodiscard]] Result<std::unique_ptr<ClientTls>> make_client_tls(const TlsFiles& files);

}  // namespace fulcrum::http
