using System.Globalization;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Documents;

/// <summary>A kind of catalog entry: where its documents lie and what a listing knows of them without reading them.</summary>
/// <param name="Folder">The folder below the tenant, which is also the word for it in errors (in the singular).</param>
/// <param name="Noun">What one is called, for instance <c>run</c>.</param>
/// <param name="Metadata">Values kept beside the document: keys <c>[a-z][a-z0-9]*</c>, values ASCII.</param>
public sealed record DocumentKind<T>(string Folder, string Noun, Func<T, IReadOnlyDictionary<string, string>> Metadata)
    where T : class
{
    private const string Extension = ".json";

    /// <summary>
    /// Whether the entries belong to the platform and not to one tenant; they lie at <c>{Folder}/{name}</c>, and the tenant of a call is of no effect.
    /// Such a folder begins with '_', which no tenant does.
    /// </summary>
    public bool OfPlatform { get; init; }

    /// <summary>Tells entries that count as deleted, though what is left of them must be kept: readers do not see them, and a change is given them.</summary>
    public Func<T, bool> IsRemoved { get; init; } = _ => false;

    internal ObjectPath PathOf(string tenant, string name) => new(Containers.Catalog, OfPlatform ? $"{Folder}/{name}" : $"{tenant}/{Folder}/{name}{Extension}");

    internal string PrefixOf(string tenant, string prefix) => OfPlatform ? $"{Folder}/{prefix}" : $"{tenant}/{Folder}/{prefix}";

    internal string NameOf(string tenant, ObjectPath path)
        => OfPlatform ? path.Name[(Folder.Length + 1)..] : path.Name[(tenant.Length + Folder.Length + 2)..^Extension.Length];
}

/// <summary>One version of a catalog entry.</summary>
/// <param name="Name">Its name within its kind and tenant; parts joined by '/' where it belongs to another entry.</param>
/// <param name="ETag">Changes with every write; opaque and without quotes.</param>
/// <param name="Value">The entry.</param>
public sealed record Document<T>(string Name, string ETag, T Value)
    where T : class;

/// <summary>What a writer asks of the entry as it is, in the terms of HTTP.</summary>
/// <param name="IfMatch">The ETag it must still have; null for no such condition.</param>
/// <param name="MustExist">Whether it must exist, in any version (<c>If-Match: *</c>).</param>
/// <param name="IfAbsent">Whether it must not exist yet (<c>If-None-Match: *</c>).</param>
public readonly record struct WriteConditions(string? IfMatch = null, bool MustExist = false, bool IfAbsent = false);

/// <param name="Document">As it now is.</param>
/// <param name="Created">Whether there was none before.</param>
public sealed record Written<T>(Document<T> Document, bool Created)
    where T : class;

/// <summary>What a listing knows of an entry without reading it.</summary>
public sealed record DocumentHeader(string Name, string ETag, DateTimeOffset Modified, IReadOnlyDictionary<string, string> Metadata)
{
    /// <summary>When the entry was made, if its kind tells (<c>created</c>); else when it was last written.</summary>
    public DateTimeOffset Created => Metadata.TryGetValue(CreatedKey, out var text)
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var created) ? created : Modified;

    public const string CreatedKey = "created";

    public static string FormatCreated(DateTimeOffset created) => created.UtcDateTime.ToString("O", CultureInfo.InvariantCulture);
}

/// <summary>Which entries to list.</summary>
public sealed record DocumentQuery
{
    public const int DefaultLimit = 50;
    public const int MaximumLimit = 500;

    /// <summary>Only names that begin so, for instance <c>penguins/</c>.</summary>
    public string Prefix { get; init; } = "";

    public Func<DocumentHeader, bool>? Where { get; init; }

    public int Limit { get; init; } = DefaultLimit;

    public string? Continuation { get; init; }
}

/// <param name="Items">Newest first.</param>
/// <param name="Continuation">Gives the next page; null on the last.</param>
public sealed record DocumentPage<T>(IReadOnlyList<Document<T>> Items, string? Continuation)
    where T : class;
