/// How connections are made, as the environment has it.
package struct ConnectionSettings: Sendable {
  /// By the scheme of the address that is asked for; empty text where there is none.
  private let proxies: [String: String]
  /// Hosts that no proxy is asked for, with commas between them.
  let proxyExceptions: String?
  /// A file, and a folder, of certificates to trust instead of the system's.
  let certificateFile: String?
  let certificateFolder: String?
  let userAgent: String
  let limits: TransferLimits

  package init(environment: [String: String], userAgent: String, limits: TransferLimits) {
    func first(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    // In a CGI program, HTTP_PROXY is a header of whoever asks it; elsewhere it is the user's.
    let isCGI = environment["REQUEST_METHOD"] != nil
    let rest = first("all_proxy", "ALL_PROXY")
    proxies = [
      "http": first("http_proxy") ?? (isCGI ? nil : first("HTTP_PROXY")) ?? rest ?? "",
      "https": first("https_proxy", "HTTPS_PROXY") ?? rest ?? "",
    ]
    proxyExceptions = first("no_proxy", "NO_PROXY")
    certificateFile = first("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
    certificateFolder = first("SSL_CERT_DIR")
    self.userAgent = userAgent
    self.limits = limits
  }

  /// The proxy for an address; empty where there is none.
  package func proxy(for address: WebAddress) -> String { proxies[address.scheme] ?? "" }
}
