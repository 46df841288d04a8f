using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.LocalHost.Triggers;

/// <summary>What is known of a blob: its latest version that was tried, how often, and whether it is done.</summary>
/// <param name="Blob">Container and name.</param>
/// <param name="ETag">The version; null where the blob is gone and forgotten.</param>
/// <param name="Attempts">Begun so far, so that a blob which ends the host is not tried for ever.</param>
/// <param name="Handled">Succeeded, or given up with a poison message.</param>
internal sealed record BlobReceipt(string Blob, string? ETag, int Attempts, bool Handled);

/// <summary>
/// The receipts of one function: a log of lines of JSON, the last of a blob counting, read once at start and appended to.
/// </summary>
internal sealed class BlobReceipts : IDisposable
{
    private const int LinesWorthCompacting = 1000;

    private readonly Lock _gate = new();
    private readonly FileStream _log;
    private readonly Dictionary<string, BlobReceipt> _known;

    private BlobReceipts(FileStream log, Dictionary<string, BlobReceipt> known)
    {
        _log = log;
        _known = known;
    }

    public static BlobReceipts Open(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var known = new Dictionary<string, BlobReceipt>(StringComparer.Ordinal);
        var lines = 0;
        var whole = true;
        if (File.Exists(file))
        {
            foreach (var line in File.ReadLines(file))
            {
                lines++;
                whole &= TryRead(line, known);
            }

            whole &= EndsLine(file);
        }

        if (!whole || lines > 2 * known.Count + LinesWorthCompacting) Rewrite(file, known.Values);
        return new BlobReceipts(new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0), known);
    }

    /// <summary>Hands out, once, what was known of a blob at the start.</summary>
    public BlobReceipt? Take(string blob) => _known.Remove(blob, out var receipt) ? receipt : null;

    /// <summary>Forgets the blobs that were known at the start and that nobody took, as they are gone.</summary>
    public void ForgetUntaken()
    {
        foreach (var blob in _known.Keys) Forget(blob);
        _known.Clear();
    }

    public void Forget(string blob) => Add(new BlobReceipt(blob, null, 0, Handled: false));

    /// <summary>Adds a receipt; once this returns it survives the end of the process.</summary>
    public void Add(BlobReceipt receipt)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(receipt, JsonDefaults.Options), (byte)'\n'];
        lock (_gate) _log.Write(line);
    }

    public void Dispose() => _log.Dispose();

    private static bool TryRead(string line, Dictionary<string, BlobReceipt> known)
    {
        try
        {
            if (JsonSerializer.Deserialize<BlobReceipt>(line, JsonDefaults.Options) is not { Blob: { } blob } receipt) return false;

            if (receipt.ETag is null) known.Remove(blob);
            else known[blob] = receipt;
            return true;
        }
        catch (JsonException)
        {
            // Torn by a kill: its blob is tried once more.
            return false;
        }
    }

    private static bool EndsLine(string file)
    {
        using var stream = File.OpenRead(file);
        if (stream.Length == 0) return true;
        stream.Seek(-1, SeekOrigin.End);
        return stream.ReadByte() == '\n';
    }

    private static void Rewrite(string file, IEnumerable<BlobReceipt> receipts)
    {
        var temporary = file + ".tmp";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            foreach (var receipt in receipts)
            {
                JsonSerializer.Serialize(stream, receipt, JsonDefaults.Options);
                stream.WriteByte((byte)'\n');
            }

            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, file, overwrite: true);
    }
}
