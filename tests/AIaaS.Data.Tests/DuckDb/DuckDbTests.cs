using AIaaS.Data.DuckDb;

namespace AIaaS.Data.Tests.DuckDb;

public sealed class DuckDbTests : IDisposable
{
    private readonly DuckDbDatabase _database = DuckDbDatabase.Open();
    private readonly DuckDbConnection _connection;

    public DuckDbTests() => _connection = _database.Connect();

    public void Dispose()
    {
        _connection.Dispose();
        _database.Dispose();
    }

    [Fact]
    public void The_library_is_the_version_that_the_binding_was_written_for() =>
        Assert.StartsWith("v1.5.", DuckDbDatabase.LibraryVersion, StringComparison.Ordinal);

    [Fact]
    public void Numbers_are_read_where_they_lie()
    {
        using DuckDbResult result = _connection.Query("SELECT i::TINYINT, i::SMALLINT, i::INTEGER, i * 10000000000, i / 2, (i / 4)::FLOAT, i % 2 = 0, i::UTINYINT, i::HUGEINT FROM range(3) t(i)");
        Assert.True(result.Read());

        Assert.Equal((sbyte[])[0, 1, 2], result.Vector(0).Values<sbyte>().ToArray());
        Assert.Equal((short[])[0, 1, 2], result.Vector(1).Values<short>().ToArray());
        Assert.Equal([0, 1, 2], result.Vector(2).Values<int>().ToArray());
        Assert.Equal([0L, 10_000_000_000, 20_000_000_000], result.Vector(3).Values<long>().ToArray());
        Assert.Equal([0.0, 0.5, 1.0], result.Vector(4).Values<double>().ToArray());
        Assert.Equal([0f, 0.25f, 0.5f], result.Vector(5).Values<float>().ToArray());
        Assert.Equal((byte[])[1, 0, 1], result.Vector(6).Values<byte>().ToArray());
        Assert.Equal(2, result.Vector(7).Int64(2));
        Assert.Equal(2, result.Vector(8).Int64(2));
        Assert.False(result.Read());
    }

    [Fact]
    public void Missing_values_are_told_from_present_ones_beyond_the_first_word_of_the_mask()
    {
        using DuckDbResult result = _connection.Query("SELECT CASE WHEN i % 3 <> 0 THEN i END FROM range(200) t(i)");
        Assert.True(result.Read());

        DuckDbVector vector = result.Vector(0);
        for (int row = 0; row < 200; row++)
            Assert.Equal(row % 3 != 0, vector.IsValid(row));
        Assert.False(vector.AllValid);
        Assert.Equal(4, vector.Validity.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("twelve bytes")]
    [InlineData("thirteen byte")]
    [InlineData("é😀")]
    [InlineData("a text that is much longer than what a vector holds inline")]
    public void A_text_comes_back_whatever_its_length(string text)
    {
        using DuckDbStatement statement = _connection.Prepare("SELECT $1::VARCHAR");
        using DuckDbResult result = statement.Bind(1, text).Query();
        Assert.True(result.Read());
        Assert.True(result.Vector(0).IsValid(0));
        Assert.Equal(text, result.Vector(0).Text(0));
    }

    [Fact]
    public void Parameters_of_every_kind_are_bound()
    {
        using DuckDbStatement statement = _connection.Prepare("SELECT $1::BOOLEAN, $2::BIGINT, $3::DOUBLE, $4::VARCHAR");
        statement.Bind(1, true).Bind(2, long.MinValue).Bind(3, 0.1).Bind(4, (string?)null);
        using DuckDbResult result = statement.Query();
        Assert.True(result.Read());
        Assert.Equal(1, result.Vector(0).Int64(0));
        Assert.Equal(long.MinValue, result.Vector(1).Int64(0));
        Assert.Equal(0.1, result.Vector(2).Values<double>()[0]);
        Assert.False(result.Vector(3).IsValid(0));
    }

    [Fact]
    public void Dates_and_times_count_from_1970()
    {
        using DuckDbResult result = _connection.Query("SELECT DATE '1970-01-02', TIMESTAMP '1969-12-31 23:59:59'");
        Assert.True(result.Read());
        Assert.Equal(DuckDbType.Date, result.ColumnType(0));
        Assert.Equal(1, result.Vector(0).Int64(0));
        Assert.Equal(-1_000_000, result.Vector(1).Int64(0));
    }

    [Fact]
    public void A_list_gives_its_elements()
    {
        using DuckDbResult result = _connection.Query("SELECT [1, 2] UNION ALL SELECT [3]");
        var all = new List<int>();
        while (result.Read())
            all.AddRange(result.Vector(0).ListElements().Values<int>().ToArray());
        Assert.Equal([1, 2, 3], all.Order());
    }

    [Fact]
    public void Many_chunks_give_every_row_once_and_in_order()
    {
        using DuckDbResult result = _connection.Query("SELECT i FROM range(100000) t(i)");
        long next = 0;
        while (result.Read())
        {
            foreach (long value in result.Vector(0).Values<long>())
                Assert.Equal(next++, value);
        }
        Assert.Equal(100_000, next);
    }

    [Fact]
    public void Rows_changed_are_counted()
    {
        _connection.Execute("CREATE TABLE t AS SELECT i FROM range(10) r(i)");
        Assert.Equal(4, _connection.Execute("DELETE FROM t WHERE i < 4"));
        Assert.Equal(6, _connection.QueryInt64("SELECT count(*) FROM t"));
    }

    [Fact]
    public void A_wrong_statement_fails_with_DuckDBs_message()
    {
        DuckDbException exception = Assert.Throws<DuckDbException>(() => _connection.Execute("SELECT nothing FROM nowhere"));
        Assert.Contains("nowhere", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_while_rows_are_read_is_not_taken_for_their_end()
    {
        DuckDbException exception = Assert.Throws<DuckDbException>(() =>
        {
            using DuckDbResult result = _connection.Query("SELECT CASE WHEN i = 90000 THEN error('row 90000') ELSE i::VARCHAR END FROM range(100000) t(i)");
            while (result.Read())
            {
            }
        });
        Assert.Contains("row 90000", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_is_not_read_as_a_type_of_another_width()
    {
        using DuckDbResult result = _connection.Query("SELECT 1::BIGINT");
        Assert.True(result.Read());
        Assert.Throws<InvalidOperationException>(() => result.Vector(0).Values<int>().Length);
        Assert.Throws<InvalidOperationException>(() => result.Vector(0).Utf8(0).Length);
    }

    [Fact]
    public void A_query_that_would_not_end_is_interrupted()
    {
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        Assert.ThrowsAny<OperationCanceledException>(() =>
            _connection.Execute("CREATE TABLE t AS SELECT sum(a.i * b.i % 7) FROM range(10000000) a(i), range(10000000) b(i)", source.Token));
        Assert.Equal(1, _connection.QueryInt64("SELECT 1"));
    }

    [Fact]
    public void Cancelled_before_it_begins_a_query_does_not_run()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        Assert.ThrowsAny<OperationCanceledException>(() => _connection.Execute("CREATE TABLE t AS SELECT 1", source.Token));
        Assert.Throws<DuckDbException>(() => _connection.Execute("SELECT * FROM t"));
    }

    [Fact]
    public void Closed_parts_refuse_to_work_instead_of_crashing()
    {
        DuckDbConnection connection = _database.Connect();
        DuckDbResult result = connection.Query("SELECT 1");
        Assert.True(result.Read());
        result.Dispose();
        Assert.Throws<ObjectDisposedException>(() => result.Vector(0).Count);
        connection.Dispose();
        Assert.Throws<ObjectDisposedException>(() => connection.Execute("SELECT 1"));
    }

    [Fact]
    public void A_locked_engine_reads_its_folders_and_nothing_else()
    {
        using var folder = new TemporaryFolder();
        using var other = new TemporaryFolder();
        folder.Write("in.csv", "a\n1\n");
        string outside = other.Write("outside.csv", "a\n1\n");
        using var locked = DuckDbDatabase.Open(new DuckDbOptions { AllowedDirectories = [folder.Path] });
        using DuckDbConnection connection = locked.Connect();

        Assert.Equal(1, connection.QueryInt64($"SELECT count(*) FROM read_csv({Sql.Literal(folder["in.csv"])})"));
        Assert.Throws<DuckDbException>(() => connection.Execute($"SELECT * FROM read_csv({Sql.Literal(outside)})"));
        Assert.Throws<DuckDbException>(() => connection.Execute($"COPY (SELECT 1) TO {Sql.Literal(other["out.csv"])}"));
        Assert.Throws<DuckDbException>(() => connection.Execute("SET enable_external_access = true"));
        Assert.Throws<DuckDbException>(() => connection.Execute("INSTALL httpfs"));
    }

    [Fact]
    public void Memory_and_threads_are_bounded()
    {
        using var bounded = DuckDbDatabase.Open(new DuckDbOptions { MemoryLimit = 64 * 1024 * 1024, Threads = 1 });
        using DuckDbConnection connection = bounded.Connect();
        using (DuckDbResult result = connection.Query("SELECT current_setting('memory_limit'), current_setting('threads')"))
        {
            Assert.True(result.Read());
            Assert.Equal("64.0 MiB", result.Vector(0).Text(0));
            Assert.Equal(1, result.Vector(1).Int64(0));
        }
        DuckDbException exception = Assert.Throws<DuckDbException>(() =>
            connection.Execute("CREATE TABLE t AS SELECT i, random() AS r FROM range(50000000) t(i)"));
        Assert.Contains("memory", exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_long_statement_tells_how_far_it_is()
    {
        using var database = DuckDbDatabase.Open(new DuckDbOptions { Threads = 1 });
        using DuckDbConnection connection = database.Connect();
        using var reported = new CancellationTokenSource();
        connection.Progress = fraction =>
        {
            Assert.InRange(fraction, 0, 1);
            reported.Cancel();
        };
        connection.Execute("CREATE TABLE t AS SELECT i FROM range(3_000_000) t(i)");

        // Runs until the first report stops it, which is the only way out of it in any reasonable time.
        Assert.ThrowsAny<OperationCanceledException>(() => connection.Execute("CREATE TABLE u AS SELECT sum(hash(a.i, b.i)) AS s FROM t a, t b", reported.Token));
    }
}
