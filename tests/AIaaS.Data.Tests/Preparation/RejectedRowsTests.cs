using System.Globalization;
using System.Text;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class RejectedRowsTests : PreparationTest
{
    [Fact]
    public void Rows_a_predicate_holds_for_move_to_quarantine_with_file_line_value_and_raw()
    {
        using Stage stage = Read(Folder.Write("a.csv", "name,size\n\"two\nlines\",1\n\nb\nc,99\n\"d\"x,2\n\"e, f\",98\ng,3\n"));

        Assert.Equal(2, RejectedRows.Move(stage.Context, "c1 > 50", "outlier", "size"));

        Assert.Equal(["two\nlines", "g"], stage.Names());
        Assert.Equal(
            [("a.csv", 6, "size", "99", "outlier", "c,99"), ("a.csv", 8, "size", "98", "outlier", "\"e, f\",98")],
            stage.Rows().Where(row => row.Reason == "outlier").Select(row => (row.File, (int)row.Line!, row.Column!, row.Value!, row.Reason, row.Raw!)));
    }

    [Fact]
    public void A_predicate_that_holds_nowhere_moves_nothing()
    {
        using Stage stage = Read(Folder.Write("a.csv", "name,size\nb,1\nc,2\n"));
        Assert.Equal(0, RejectedRows.Move(stage.Context, "c1 > 50", "outlier"));
        Assert.Equal(["b", "c"], stage.Names());
        Assert.Empty(stage.Rows());
    }

    [Fact]
    public void Rows_of_several_sources_name_their_own_file_and_line()
    {
        using Stage stage = Read(
            Folder.Write("a.csv", "name,size\nb,1\nc,99\n"),
            Folder.Write("b.jsonl", "no json\n{\"name\":\"d\",\"size\":2}\n\n{\"name\":\"e\",\"size\":97}\n{\"name\":\"f\",\"size\":96}\n"),
            Folder.Write("c.json", "[{\"name\":\"g\",\"size\":95}]"));

        Assert.Equal(4, RejectedRows.Move(stage.Context, "c1 > 50", "outlier"));

        Assert.Equal(
            [("a.csv", 3L, "c,99"), ("b.jsonl", 4L, "{\"name\":\"e\",\"size\":97}"), ("b.jsonl", 5L, "{\"name\":\"f\",\"size\":96}"), ("c.json", null, "{\"name\":\"g\",\"size\":95}")],
            stage.Rows().Where(row => row.Reason == "outlier").Select(row => (row.File, row.Line, row.Raw!)));
    }

    [Fact]
    public void What_was_masked_does_not_come_back_by_way_of_the_file()
    {
        using Stage stage = Read(new PrepareParameters { Clean = new() { Mask = new() { Columns = ["name"] } } }, Folder.Write("a.csv", "name,size\nsecret,99\nc,1\n"));
        stage.Context.Connection.Execute("UPDATE data SET c0 = '[masked]'");

        RejectedRows.Move(stage.Context, "c1 > 50", "outlier");

        QuarantinedRow row = Assert.Single(stage.Rows());
        Assert.Equal((2L, "{\"name\":\"[masked]\",\"size\":99}"), (row.Line!.Value, row.Raw));
    }

    [Theory]
    [InlineData(1, "\n", 2_000)]
    [InlineData(2, "\r\n", 2_000)]
    [InlineData(3, "\r", 2_000)]
    [InlineData(4, "\n", 100_000)]
    [InlineData(5, "\r\n", 100_000)]
    public void Lines_are_those_of_the_file_past_blank_lines_quotes_and_rejected_rows(int seed, string end, int rows)
    {
        (string text, Dictionary<string, long> lines) = Generate(seed, end, rows);
        using Stage stage = Read(Folder.Write("a.csv", text));

        RejectedRows.Move(stage.Context, "hash(c0) % 10 = 0", "test", "id");

        int checkedRows = 0;
        foreach (QuarantinedRow row in stage.Rows().Where(row => row.Reason == "test"))
        {
            Assert.Equal(lines[row.Value!], row.Line);
            Assert.StartsWith(row.Value!, row.Raw, StringComparison.Ordinal);
            checkedRows++;
        }
        Assert.InRange(checkedRows, rows / 20, rows);
    }

    /// <summary>Rows that begin with a key of their own, and the line each begins on.</summary>
    private static (string Text, Dictionary<string, long> Lines) Generate(int seed, string end, int rows)
    {
        var random = new Random(seed);
        string[] fields = ["plain", "", "\"quoted\"", "\"with , comma\"", $"\"two{end}lines\"", $"\"{end}\"", "\"say \"\"hi\"\"\"", "in\"side", "é", "\"\"", "\"\"\"\"", "sp ace "];
        string[] broken = ["only", "a,b,c,d,e", "\"x\"y,b,c", "x,\"q\"w,d"];
        var lines = new Dictionary<string, long>(StringComparer.Ordinal);
        var text = new StringBuilder($"id,\"first{end}name\",third{end}");
        long line = 3;
        for (int i = 0; i < rows; i++)
        {
            int kind = random.Next(200);
            string row;
            if (kind == 0)
            {
                row = broken[random.Next(broken.Length)];
            }
            else if (kind == 1)
            {
                row = "";
            }
            else
            {
                string key = string.Create(CultureInfo.InvariantCulture, $"k{i:D9}");
                lines[key] = line;
                row = $"{key},{fields[random.Next(fields.Length)]},{fields[random.Next(fields.Length)]}";
            }
            text.Append(row).Append(end);
            line += 1 + row.Split(end).Length - 1;
        }
        return (text.ToString(), lines);
    }

    private Stage Read(params string[] paths) => Read(new PrepareParameters(), paths);

    private Stage Read(PrepareParameters parameters, params string[] paths) => new(Directory.CreateDirectory(Folder["work"]).FullName, parameters, paths);

    /// <summary>A preparation that stopped before its first cleaning step.</summary>
    private sealed class Stage : IDisposable
    {
        private readonly DuckDbDatabase _database = DuckDbDatabase.Open();
        private readonly string _quarantinePath;

        public Stage(string folder, PrepareParameters parameters, IReadOnlyList<string> paths)
        {
            _quarantinePath = Path.Combine(folder, QuarantinedRow.FileName);
            DuckDbConnection connection = _database.Connect();
            var quarantine = new Quarantine(File.Create(_quarantinePath));
            var inspector = new SourceInspector(folder, long.MaxValue);
            List<RawTable> raw =
            [
                .. paths.Select((path, i) => inspector.Inspect(new DatasetSource(path), CancellationToken.None)).Select((source, i) => source.Kind == SourceKind.Delimited
                    ? new DelimitedReader(connection, quarantine, folder, []).Read(source, $"raw{i}", CancellationToken.None)
                    : new DocumentReader(connection, quarantine, folder, []).Read(source, $"raw{i}", CancellationToken.None)),
            ];
            Context = new PreparationContext
            {
                Connection = connection,
                Parameters = parameters,
                Quarantine = quarantine,
                WorkFolder = folder,
                Sources = [.. raw.Select(source => source.Origin)],
                CancellationToken = CancellationToken.None,
                Table = new TableBuilder(connection, quarantine, []).Build(raw, CancellationToken.None),
            };
        }

        public PreparationContext Context { get; }

        public IReadOnlyList<string> Names()
        {
            var names = new List<string>();
            using DuckDbResult result = Context.Connection.Query("SELECT c0 FROM data");
            while (result.Read())
            {
                for (int row = 0; row < result.RowCount; row++)
                    names.Add(result.Vector(0).Text(row));
            }
            return names;
        }

        public IReadOnlyList<QuarantinedRow> Rows()
        {
            Context.Quarantine.Dispose();
            return [.. File.ReadLines(_quarantinePath).Select(line => System.Text.Json.JsonSerializer.Deserialize<QuarantinedRow>(line, JsonDefaults.Options)!)];
        }

        public void Dispose()
        {
            Context.Quarantine.Dispose();
            Context.Connection.Dispose();
            _database.Dispose();
        }
    }
}
