using System.IO.Compression;
using System.Text;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

/// <summary>
/// Random bytes, cut-off files and mutations of valid files of each format: a preparation ends with a result or a
/// <see cref="DatasetException"/>, whatever it is given. AIAAS_LONG=1 tries 100,000 files instead of some hundred.
/// </summary>
public sealed class FuzzTests : PreparationTest
{
    private static readonly int Cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 12_000 : 40;

    /// <summary>Far beyond what any of these files takes; a preparation that is stopped by it has hung.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private const string Csv = "id,name,amount,day,ok\n1,\"Zürich, \"\"CH\"\"\",1.5,2020-01-01,true\n2,x,NA,2020-02-01,false\n3,\"two\nlines\",\"1,234.5\",2020-03-01,true\n4,\"y\",-2e3,2020-04-01 10:00:00,\n";
    private const string Lines = "{\"id\":1,\"name\":\"x\",\"list\":[1,2],\"deep\":{\"a\":null}}\n{\"id\":2.5,\"name\":\"é\\n\",\"when\":\"2020-01-01\"}\n{\"id\":3,\"big\":1e300}\n";
    private const string Labels = "file,label\na.png,x\nb.jpg,y\n";

    private static readonly string[] Tokens =
    [
        "\"", "\"\"", ",", ";", "\t", "\n", "\r\n", "\r", "\0", "\uFEFF", "{", "}", "[", "]", ":", "null", "NaN", "1e999", "-", "'", "\\", "\\u0000", "\\uD800", "🦆", "é",
        "99999999999999999999", "2020-13-45", "1,234", "$", "%", "PAR1", "PK\u0003\u0004", "true", " ",
    ];

    public static TheoryData<string, int> Formats() => new()
    {
        { "csv", 1 }, { "tsv", 2 }, { "json", 3 }, { "jsonl", 4 }, { "parquet", 5 }, { "csv.gz", 6 }, { "images.zip", 7 }, { "tables.zip", 8 }, { "csv.zst", 9 },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void A_damaged_file_ends_with_a_result_or_a_reason(string format, int seed)
    {
        var random = new Random(seed);
        byte[] valid = File.ReadAllBytes(Write(format));
        int results = 0, refusals = 0;
        for (int i = 0; i < Cases; i++)
        {
            byte[] content = i % 20 == 0 ? Noise(random) : i % 2 == 0 ? Damage(valid, random) : DamageInside(format, random) ?? Damage(valid, random);
            string path = Folder.Write($"case.{format}", content);
            using var patience = new CancellationTokenSource(Patience);
            try
            {
                PreparationResult result = new DatasetPreparation(new PreparationOptions { Threads = 1 }).Prepare(
                    [new DatasetSource(path)], new PrepareParameters(), Output, cancellationToken: patience.Token);
                Assert.Equal(result.Quality.RowsRead, result.Quality.RowsKept + result.Quality.RowsQuarantined + result.Profile.DuplicateRows);
                using PreparedDataset data = PreparedDataset.Open(Output);
                Assert.Equal(result.Profile.Rows, data.Rows);
                results++;
            }
            catch (DatasetException exception)
            {
                Assert.NotEmpty(exception.Message);
                refusals++;
            }
            catch (Exception exception)
            {
                string kept = Path.Combine(Path.GetTempPath(), $"fuzz-{format}-{seed}-{i}");
                File.WriteAllBytes(kept, content);
                Assert.Fail($"Case {i} of {format} ended with {exception.GetType().Name}: {exception.Message} (kept as {kept}){Environment.NewLine}{exception.StackTrace}");
            }
        }
        Assert.Equal(Cases, results + refusals);
        // A sum guards zstd's content, so that hardly any damage leaves a result.
        Assert.True(refusals > 0 && (results > 0 || format == "csv.zst"), $"{results} results and {refusals} refusals do not try both sides.");
    }

    private static byte[] Noise(Random random)
    {
        byte[] bytes = new byte[random.Next(1, 3000)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Damage(byte[] valid, Random random)
    {
        var bytes = new List<byte>(valid);
        for (int n = random.Next(1, 6); n > 0 && bytes.Count > 0; n--)
        {
            int at = random.Next(bytes.Count), length = Math.Min(bytes.Count - at, random.Next(1, 40));
            switch (random.Next(7))
            {
                case 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - length + 1), length));
                    break;
                case 3:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 4:
                    bytes[at] = (byte)random.Next(256);
                    break;
                default:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Tokens[random.Next(Tokens.Length)]));
                    break;
            }
        }
        return [.. bytes];
    }

    /// <summary>A good archive of damaged files; null for formats that are no archives.</summary>
    private byte[]? DamageInside(string format, Random random)
    {
        string path = Folder["inside"];
        File.Delete(path);
        switch (format)
        {
            case "csv.gz":
                using (var zip = new GZipStream(File.Create(path), CompressionLevel.Fastest))
                    zip.Write(Damage(Encoding.UTF8.GetBytes(Csv), random));
                break;
            case "images.zip":
                Images.Zip(path, ("cat/a.png", Damage(Images.Png(4, 4), random)), ("dog/b.jpg", Damage(Images.Jpeg(4, 4), random)), ("dog/c.jpg", Images.Jpeg(4, 4)),
                    ("labels.csv", Damage(Encoding.UTF8.GetBytes(Labels), random)));
                break;
            case "tables.zip":
                Images.Zip(path, ("a.csv", Damage(Encoding.UTF8.GetBytes(Csv), random)), ("b.jsonl", Damage(Encoding.UTF8.GetBytes(Lines), random)));
                break;
            default:
                return null;
        }
        return File.ReadAllBytes(path);
    }

    private string Write(string format)
    {
        string path = Folder[$"valid.{format}"];
        switch (format)
        {
            case "csv":
                File.WriteAllText(path, Csv);
                break;
            case "tsv":
                File.WriteAllText(path, Csv.Replace(',', '\t'));
                break;
            case "json":
                File.WriteAllText(path, $"[{string.Join(",\n", Lines.Trim().Split('\n'))}]");
                break;
            case "jsonl":
                File.WriteAllText(path, Lines);
                break;
            case "csv.gz":
                using (var zip = new GZipStream(File.Create(path), CompressionLevel.Fastest))
                    zip.Write(Encoding.UTF8.GetBytes(Csv));
                break;
            case "images.zip":
                Images.Zip(path, ("cat/a.png", Images.Png(4, 4)), ("dog/b.jpg", Images.Jpeg(4, 4)), ("labels.csv", Encoding.UTF8.GetBytes(Labels)));
                break;
            case "tables.zip":
                Images.Zip(path, ("a.csv", Encoding.UTF8.GetBytes(Csv)), ("b.jsonl", Encoding.UTF8.GetBytes(Lines)));
                break;
            case "csv.zst":
                using (var database = DuckDbDatabase.Open())
                using (DuckDbConnection connection = database.Connect())
                    connection.Execute($"COPY (SELECT i AS id, 'name ' || i % 7 AS name FROM range(300) t(i)) TO {Sql.Literal(path)} (FORMAT csv, COMPRESSION zstd)");
                break;
            default:
                using (var database = DuckDbDatabase.Open())
                using (DuckDbConnection connection = database.Connect())
                    connection.Execute($"COPY (SELECT i AS id, 'name ' || i AS name, i / 3 AS ratio, [i, i] AS list, DATE '2020-01-01' + i::INTEGER AS day FROM range(100) t(i)) TO {Sql.Literal(path)} (FORMAT parquet)");
                break;
        }
        return path;
    }
}
