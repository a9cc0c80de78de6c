import Files

/// What a user means by the name of a checkpoint.
package enum ModelName: Sendable {
  /// A file or a folder on this machine.
  case path(String)
  /// A repository of the hub; what the name left open, and what else it may have been.
  case hub(HubReference, note: String? = nil, alternatives: String? = nil)
  case web(WebAddress)

  /// - Parameters:
  ///   - hubs: the addresses of the hub, whose pages and files are names too.
  /// - Throws: for a name that means nothing.
  package init(_ name: String, hubs: [WebAddress], names: TimmNames = .published) throws(InputError) {
    guard !name.isEmpty else { throw InputError("--finetune", "is empty", remedy: "name a checkpoint") }
    guard !name.utf8.contains(0) else { throw InputError("--finetune", "has a zero byte in it") }
    if Folder.contains(name) {
      self = .path(name)
      return
    }
    for prefix in [HubReference.prefix, "hf_hub:"] where name.hasPrefix(prefix) {
      self = .hub(try HubReference(parsing: String(name.dropFirst(prefix.count))))
      return
    }
    if name.contains("://") {
      self = try Self.web(name, hubs)
      return
    }
    if Self.looksLikePath(name) {
      throw InputError(name, "there is no such file", remedy: Self.repositoryHint(name))
    }
    guard let meaning = names.meaning(of: name) else {
      throw InputError(
        name, "is neither a file nor a model's name that is known",
        remedy: names.suggestion(for: name)
          ?? "extract models lists the names; a repository of the hub is hf-hub:owner/name")
    }
    self = .hub(HubReference(meaning.repository), note: meaning.note, alternatives: meaning.alternatives)
  }

  private static func web(_ name: String, _ hubs: [WebAddress]) throws(InputError) -> ModelName {
    let address = try WebAddress(name)
    if hubs.contains(where: { $0.origin == address.origin }), let reference = HubReference(address) {
      return .hub(reference)
    }
    guard address.scheme == "https" || address.isLocal else {
      throw InputError(
        address.publicText, "anyone on the way could put other weights in place of these",
        remedy: "use https://")
    }
    return .web(address)
  }

  private static let fileEndings = [
    ".pth", ".pt", ".bin", ".safetensors", ".ckpt", ".json", ".pkl", ".npz", ".tar", ".zip", ".h5", ".onnx",
  ]

  private static func looksLikePath(_ name: String) -> Bool {
    name.contains("/") || name.hasPrefix("~") || name.hasPrefix(".")
      || fileEndings.contains { name.lowercased().hasSuffix($0) }
  }

  /// `owner/name` is what other programs take for a repository.
  private static func repositoryHint(_ name: String) -> String? {
    (try? Repository(name)).map { "for a repository of the hub say \(HubReference.prefix)\($0)" }
  }
}
