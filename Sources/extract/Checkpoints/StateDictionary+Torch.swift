import Files
import Tensors

extension StateDictionary {
  init(torch: any TorchFile, key: String?) throws(InputError) {
    let path = torch.file.path
    let (value, foundKey, prefix) = try Self.locate(in: torch, path: path, key: key)
    guard case .dictionary(let dictionary) = value else {
      throw InputError(
        path,
        "holds \(torch.heap.describe(value))\(foundKey.map { " under \"\($0)\"" } ?? ""), not a state dict",
        remedy: "save model.state_dict() instead of the model itself")
    }
    var entries: [String: Entry] = [:]
    for (name, value) in torch.heap.textEntries(of: dictionary) where name.hasPrefix(prefix) {
      let name = String(name.dropFirst(prefix.count))
      if case .tensor(let index) = value {
        let view = torch.heap.tensors[index]
        entries[name] = .weight(
          Weight(
            shape: view.shape, elementType: view.elementType, typeName: view.typeName,
            load: { () throws(InputError) in try torch.tensor(view, name: name) }))
      } else {
        entries[name] = .other(torch.heap.describe(value))
      }
    }
    guard entries.values.contains(where: { if case .weight = $0 { true } else { false } }) else {
      throw InputError(
        path, "holds no weights\(foundKey.map { " under \"\($0)\"" } ?? " at its top")",
        remedy:
          "name the state dict with --checkpoint-key; the keys here are \(excerpt(entries.keys.sorted()))")
    }
    self.entries = entries
    self.key = foundKey
    if foundKey != nil, case .dictionary(let root) = torch.root {
      fileKeys = Set(torch.heap.textEntries(of: root).map(\.key))
    } else {
      fileKeys = []
    }
  }

  /// Where training scripts put what is worth keeping, best first: what learns slowly rather than its pupil.
  private static let usualPlaces = [
    "teacher", "target_encoder", "model", "state_dict", "model_ema", "state_dict_ema", "module", "student",
    "encoder",
  ]

  /// The state dict: where `key` says, else where one usually is, else the whole file.
  ///
  /// - Returns: also what the names of the weights that are meant begin with.
  private static func locate(
    in torch: any TorchFile, path: String, key: String?
  ) throws(InputError) -> (value: PickleValue, key: String?, prefix: String) {
    if let key {
      let (value, prefix) = try follow(key, in: torch, path: path)
      return (value, key, prefix)
    }
    var (value, places) = (torch.root, [String]())
    // A trainer's dictionary may hold that of another one, but not itself.
    var visited: Set<Int> = []
    while case .dictionary(let dictionary) = value, visited.insert(dictionary).inserted,
      let place = usualPlaces.first(where: { holdsDictionary($0, in: dictionary, torch) }),
      let next = torch.heap.value(place, in: dictionary)
    {
      value = next
      places.append(place)
    }
    return (value, places.isEmpty ? nil : places.joined(separator: "."), "")
  }

  private static func holdsDictionary(_ name: String, in dictionary: Int, _ torch: any TorchFile) -> Bool {
    switch torch.heap.value(name, in: dictionary) {
    case .dictionary, .opaque: true
    default: false
    }
  }

  /// Follows a key from dictionary to dictionary. A name that itself holds points is found as well, and at last the
  /// beginning of names.
  private static func follow(
    _ key: String, in torch: any TorchFile, path: String
  ) throws(InputError) -> (value: PickleValue, prefix: String) {
    var value = torch.root
    var rest = key[...]
    while !rest.isEmpty {
      guard case .dictionary(let dictionary) = value else {
        throw InputError(
          "--checkpoint-key \(key)", "\(torch.heap.describe(value)) in \(path) has no key \"\(rest)\"")
      }
      let first = rest.prefix { $0 != "." }
      if let whole = torch.heap.value(String(rest), in: dictionary) {
        return (whole, "")
      } else if let next = torch.heap.value(String(first), in: dictionary) {
        value = next
        rest = rest.dropFirst(first.count + 1)
      } else {
        let keys = torch.heap.textEntries(of: dictionary).map(\.key)
        if keys.contains(where: { $0.hasPrefix(rest + ".") }) { return (value, rest + ".") }
        throw InputError(
          "--checkpoint-key \(key)", "\(path) has no key \"\(first)\"",
          remedy: keys.isEmpty ? nil : "choose one of \(excerpt(keys))")
      }
    }
    return (value, "")
  }
}
