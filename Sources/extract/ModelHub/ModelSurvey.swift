import Files
import Foundation
import Tensors

/// The models that can be asked for by name, here and on the hub.
public struct ModelSurvey: Sendable {
  /// A model, as far as it can be told without reading its weights.
  public struct Model: Sendable, Equatable, Encodable {
    /// As it is given on the command line.
    public let name: String
    public let place: Place
    /// Of the weights; nil where they are not here.
    public let bytes: Int?
    /// Of a file of safetensors: all numbers in it; of a known name: those of the encoder. Nil elsewhere.
    public let parameters: Int?
    /// Of the weights or their index; nil where they are not here.
    public let path: String?
  }

  public enum Place: String, Sendable, Encodable {
    case cache = "Hugging Face cache"
    case download = "downloads"
    case torchHub = "torch.hub"
    case hub = "hub"
  }

  private let environment: HubEnvironment
  private let names: TimmNames

  public init(environment: HubEnvironment = HubEnvironment()) {
    self.environment = environment
    names = .published
  }

  /// What is here, then what timm's names mean on the hub and is not here; each in the order of names.
  ///
  /// What cannot be read is left out, as is what has no weights: caches are shared with other programs.
  public func models() -> [Model] {
    let here = (cached() + downloads() + torchCheckpoints()).sorted { $0.name < $1.name }
    let known = Set(here.map(\.name))
    let there = names.architectures.flatMap { architecture in
      architecture.tags.map { tag in
        Model(
          name: "\(architecture.name).\(tag.name)", place: .hub, bytes: nil,
          parameters: architecture.parameterCount, path: nil)
      }
    }
    return here + there.filter { !known.contains($0.name) }
  }

  private func cached() -> [Model] {
    let cache = HubCache(path: environment.hubCache)
    return fileNames(cache.path).compactMap(HubCache.repository(ofFolder:)).flatMap { repository in
      revisions(cache, repository).compactMap { revision in
        var reference = HubReference(repository)
        reference.revision = revision
        return HubModel(reference: reference, cache: cache).cached().map { cached in
          let files = Self.files(cached.path)
          return Model(
            name: name(reference), place: .cache, bytes: Self.byteCount(files),
            parameters: Self.parameterCount(files), path: cached.path)
        }
      }
    }
  }

  /// The names of what a repository's snapshots are of: revisions, or commits without a name.
  private func revisions(_ cache: HubCache, _ repository: Repository) -> [String] {
    let folder = cache.folder(of: repository)
    let revisions =
      (FileManager.default.enumerator(atPath: folder + "/refs")?.compactMap { $0 as? String } ?? [])
      .filter { Folder.containsFile("\(folder)/refs/\($0)") }.sorted()
    let named = Set(revisions.compactMap { HubCache.commit(inFile: "\(folder)/refs/\($0)") })
    return revisions
      + fileNames(folder + "/snapshots").filter { HubCache.isCommit($0) && !named.contains($0) }
  }

  /// timm's short name where that means the same.
  private func name(_ reference: HubReference) -> String {
    let name = reference.repository.name
    guard reference.revision == HubReference.defaultRevision, reference.repository.owner == "timm",
      names.meaning(of: name)?.repository == reference.repository
    else { return "\(reference)" }
    return name
  }

  private func downloads() -> [Model] {
    fileNames(environment.downloads).compactMap { folder in
      let folder = environment.downloads + "/" + folder
      guard let file = try? MappedFile(folder + "/" + WebDownload.recordName), file.bytes.count <= 1 << 16,
        let record = try? CanonicalJSON.decode(WebDownload.Record.self, from: file.bytes, subject: folder),
        RelativePath.fault(in: record.file) == nil
      else { return nil }
      return model(named: record.url, place: .download, path: folder + "/" + record.file)
    }
  }

  private func torchCheckpoints() -> [Model] {
    fileNames(environment.torchCheckpoints).compactMap { name in
      let path = environment.torchCheckpoints + "/" + name
      return WeightFiles.isWeights(name) ? model(named: path, place: .torchHub, path: path) : nil
    }
  }

  private func model(named name: String, place: Place, path: String) -> Model? {
    guard Folder.containsFile(path) else { return nil }
    return Model(
      name: name, place: place, bytes: Self.byteCount([path]), parameters: Self.parameterCount([path]),
      path: path)
  }

  private func fileNames(_ folder: String) -> [String] { (try? Folder.fileNames(folder)) ?? [] }

  /// The weights' files: one, or those of an index.
  private static func files(_ path: String) -> [String] {
    guard WeightFiles.isIndex(path), let parts = try? WeightFiles.parts(ofIndex: path) else { return [path] }
    return parts
  }

  private static func byteCount(_ files: [String]) -> Int {
    files.reduce(0) { $0 + ((try? Descriptor($1, .read).size()) ?? 0) }
  }

  /// The numbers in files of safetensors, whose headers tell.
  private static func parameterCount(_ files: [String]) -> Int? {
    guard files.allSatisfy({ $0.hasSuffix(".safetensors") }) else { return nil }
    let counts = files.map { file in
      (try? Safetensors.read(file))?.tensors.values.reduce(0) { $0 + $1.count }
    }
    return counts.contains(nil) ? nil : counts.reduce(0) { $0 + $1! }
  }
}
