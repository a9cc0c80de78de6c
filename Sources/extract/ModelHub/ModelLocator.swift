import Files

/// Finds the checkpoint that a name means: a path, a model of the hub or an address; on this machine first, else by
/// downloading it.
///
/// | name | where it is looked for |
/// |---|---|
/// | a path | there |
/// | `vit_base_patch16_224.mae`, `hf-hub:owner/name`, both with `@revision` | Hugging Face's cache, then the hub |
/// | `https://...` | earlier downloads, torch.hub's, then the address |
public struct ModelLocator {
  private let environment: HubEnvironment
  private let userAgent: String
  private let limits: TransferLimits
  private let onEvent: (DownloadEvent) -> Void
  private let checkStop: () throws -> Void

  /// - Parameters:
  ///   - userAgent: the program and its version, as servers see it.
  ///   - onEvent: told of downloads.
  ///   - checkStop: called often while time passes; what it throws ends the search, and the next one goes on with what
  ///     is there by then.
  public init(
    environment: HubEnvironment = HubEnvironment(), userAgent: String,
    limits: TransferLimits = TransferLimits(),
    onEvent: @escaping (DownloadEvent) -> Void = { _ in }, checkStop: @escaping () throws -> Void = {}
  ) {
    self.environment = environment
    self.userAgent = userAgent
    self.limits = limits
    self.onEvent = onEvent
    self.checkStop = checkStop
  }

  /// - Throws: `InputError` where a name means nothing, or what it means cannot be had; what `checkStop` throws.
  public func locate(_ name: String) throws -> LocatedModel {
    switch try ModelName(name, hubs: hubs()) {
    case .path(let path): return LocatedModel(path: path, source: nil)
    case .hub(let reference, let note, let alternatives):
      var model = try hub(reference, alternatives: alternatives)
      if let note { model.notes.insert(note, at: 0) }
      return model
    case .web(let address): return try web(address)
    }
  }

  /// The hub that is asked, and the one whose addresses are passed around.
  private func hubs() throws(InputError) -> [WebAddress] {
    [try environment.endpoint(), try WebAddress(HubEnvironment.publicEndpoint)]
  }

  private func hub(_ reference: HubReference, alternatives: String?) throws -> LocatedModel {
    let model = HubModel(reference: reference, cache: HubCache(path: environment.hubCache))
    if let cached = model.cached(), cached.hasConfiguration || environment.isOffline {
      return LocatedModel(
        path: cached.path, source: "\(reference.at(commit: cached.commit))",
        notes: ["found in the Hugging Face cache, at commit \(cached.commit)"])
    }
    guard !environment.isOffline else {
      throw offline("\(reference)", "the Hugging Face cache \(environment.hubCache) does not have it")
    }
    let client = HubClient(
      reference, endpoint: try environment.endpoint(), token: try environment.token(),
      alternatives: alternatives, session: session(), onNotice: { onEvent(.notice($0)) })
    let fetched = try model.fetch(client, onEvent: onEvent)
    return LocatedModel(
      path: fetched.path, source: "\(reference.at(commit: fetched.commit))",
      notes: ["downloaded from \(client.endpoint.host), at commit \(fetched.commit)"])
  }

  private func web(_ address: WebAddress) throws -> LocatedModel {
    let download = try WebDownload(address, in: environment.downloads)
    var model = LocatedModel(path: download.path, source: address.publicText)
    if download.isHere {
      model.notes = ["downloaded earlier from \(address.host)"]
      return model
    }
    if let path = try download.torchFile(in: environment.torchCheckpoints) {
      // torch.hub goes by the name alone; so the address says no more than where such files are from.
      return LocatedModel(
        path: path, source: address.publicText,
        notes: ["found among torch.hub's checkpoints, by the file's name: \(path)"])
    }
    guard !environment.isOffline else { throw offline(address.publicText, "it has not been downloaded yet") }
    try download.fetch(session(), secret: try secret(for: address), onEvent: onEvent)
    model.notes = ["downloaded from \(address.host)"]
    return model
  }

  /// The address's own user and password, or the token where the address is the hub's.
  private func secret(for address: WebAddress) throws(InputError) -> WebSession.Secret? {
    if let text = address.basicAuthorization { return WebSession.Secret(origin: address.origin, text: text) }
    guard address.origin == (try environment.endpoint()).origin, let token = try environment.token() else {
      return nil
    }
    return WebSession.Secret(origin: address.origin, text: "Bearer \(token.text)")
  }

  private func session() -> WebSession {
    WebSession(
      ConnectionSettings(environment: environment.variables, userAgent: userAgent, limits: limits),
      checkStop: checkStop)
  }

  private func offline(_ subject: String, _ reason: String) -> InputError {
    InputError(
      subject, "\(reason), and HF_HUB_OFFLINE forbids to download it",
      remedy: "unset HF_HUB_OFFLINE, or give the path of a file")
  }
}
