/// A checkpoint that has been found on this machine or brought to it.
public struct LocatedModel: Sendable, Equatable {
  /// The weights: a file, or the index (`*.index.json`) of the files beside it that they are split into. The model's
  /// settings, such as `config.json`, are in the same folder. A path is left as it was given, also if it is a folder's.
  public let path: String
  /// What was asked for, as a name that means the same bytes on any machine: `hf-hub:owner/name@commit`, or an address
  /// without user, password and query. Nil for a path.
  public let source: String?
  /// How the name was understood and where the file was found, a sentence each.
  public var notes: [String] = []
}

/// What is to be told while a model is downloaded.
public enum DownloadEvent: Sendable, Equatable {
  /// Files are about to be downloaded.
  ///
  /// - byteCount: of all of them; nil where the server does not say.
  /// - alreadyDone: the bytes that an earlier run has left.
  case started(name: String, byteCount: Int?, alreadyDone: Int)
  /// So many bytes of all the files are here. The number falls where a part has to be fetched again.
  case reached(Int)
  case notice(String)
  case finished
}
