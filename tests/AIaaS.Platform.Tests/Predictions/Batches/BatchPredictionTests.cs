using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using AIaaS.Data.Exchange;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using AIaaS.Serving.Tests;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Predictions.Batches;

public sealed class BatchPredictionTests
{
    private const string FiveRows = """[{"length":1,"mass":1},{"length":2,"mass":2},[3,3],{"length":4},{"mass":5}]""";

    [Fact]
    public async Task Every_row_is_predicted_in_its_order()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Succeeded, 5L, 5L, 0L), (batch.Status, batch.Rows, batch.RowsDone, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 0, 1, 2, 3, 4);
        Assert.Empty(await world.ErrorsAsync());
    }

    [Fact]
    public async Task A_row_at_fault_does_not_take_its_neighbours_down()
    {
        await using var world = await new BatchWorld(chunkRows: 100).WithAsync("m", TestModels.Regression);
        await world.CreateAsync("""[{"length":1},{"length":"long"},{"length":3},7,{"lenght":5},{"length":6}]""");

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Succeeded, 6L, 3L), (batch.Status, batch.RowsDone, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 0, 2, 5);
        var errors = await world.ErrorsAsync();
        BatchWorld.AssertRows(errors, 1, 3, 4);
        Assert.StartsWith("feature 'length'", errors[0].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Contains("'length' meant", errors[2].GetProperty("reason").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_row_that_the_model_fails_on_does_not_stop_the_rest()
    {
        await using var world = await new BatchWorld(chunkRows: 2).WithAsync("m", TestModels.Failing);
        await world.CreateAsync("""[{"index":0},{"index":1000000},{"index":0},{"index":0}]""");

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Succeeded, 1L), (batch.Status, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 0, 2, 3);
        Assert.Equal("The model failed on this row.", (await world.ErrorsAsync())[0].GetProperty("reason").GetString());
    }

    [Fact]
    public async Task Many_rows_that_the_model_fails_on_neither_lose_the_others_nor_make_it_rest()
    {
        await using var world = await new BatchWorld(chunkRows: 100).WithAsync("m", TestModels.Failing);
        await world.CreateAsync(Rows(100, row => row % 10 == 3));

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Succeeded, 100L, 10L), (batch.Status, batch.RowsDone, batch.RowsFailed));
        Assert.Equal(90, (await world.ResultsAsync()).Length);
        Assert.All(await world.ErrorsAsync(), error => Assert.Equal("The model failed on this row.", error.GetProperty("reason").GetString()));
        Assert.Equal(1, (await world.PredictAsync("m", """{"rows":[{"index":0}]}""")).Rows);
    }

    [Fact]
    public async Task A_model_that_fails_on_every_row_fails_the_batch()
    {
        await using var world = await new BatchWorld(chunkRows: 1000).WithAsync("m", TestModels.Failing);
        await world.CreateAsync(Rows(1000, _ => true));

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Failed, 0L), (batch.Status, batch.RowsDone));
        Assert.Contains("failed on each of 100 rows", batch.Error!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_step_the_process_dies_at_every_row_is_in_the_result_once(bool stepIsDone)
    {
        // Until a run dies nowhere any more.
        for (var step = 1; ; step++)
        {
            await using var world = await new BatchWorld(chunkRows: 2).WithAsync("m", TestModels.Regression);
            await world.CreateAsync("""[{"length":1},{"length":2},{"length":"x"},{"length":4},{"length":5}]""");
            world.World.Runs.Crash.Arm(step, stepIsDone);
            try
            {
                await world.RunAsync();
                Assert.True(step > 5);
                return;
            }
            catch (CrashedException)
            {
                world.World.Runs.Crash.Restart();
            }

            var batch = await world.RunAsync();

            Assert.Equal((BatchStatus.Succeeded, 5L, 1L), (batch.Status, batch.RowsDone, batch.RowsFailed));
            BatchWorld.AssertRows(await world.ResultsAsync(), 0, 1, 3, 4);
            BatchWorld.AssertRows(await world.ErrorsAsync(), 2);
            Assert.Empty(await ChunksAsync(world));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_batch_that_was_recorded_has_a_message_whatever_step_its_maker_dies_at(bool stepIsDone)
    {
        for (var step = 1; ; step++)
        {
            await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
            world.World.Runs.Queue.Messages.Clear();
            world.World.Runs.Crash.Arm(step, stepIsDone);
            try
            {
                await world.CreateAsync(FiveRows);
                Assert.True(step > 3);
                return;
            }
            catch (CrashedException)
            {
                world.World.Runs.Crash.Restart();
            }

            var recorded = await world.World.Runs.Catalog.FindAsync(BatchPrediction.Kind, Tenant, "b", default) is not null;
            Assert.True(!recorded || world.World.Runs.Queue.Messages.Any(message => message.Queue == BatchQueues.Work));
        }
    }

    [Fact]
    public async Task A_chunk_that_is_done_is_not_predicted_again()
    {
        await using var world = await new BatchWorld(chunkRows: 2, timePerMessage: TimeSpan.FromTicks(-1)).WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);

        var seen = new List<long> { (await world.RunAsync()).RowsDone };
        var first = await world.World.Runs.Store.GetPropertiesAsync(Chunk(0), default);
        seen.Add((await world.RunAsync()).RowsDone);
        var second = await world.World.Runs.Store.GetPropertiesAsync(Chunk(0), default);
        var batch = await world.RunAsync();

        Assert.Equal([2, 4], seen);
        Assert.Equal((BatchStatus.Succeeded, 5L), (batch.Status, batch.RowsDone));
        Assert.Equal(first!.ETag, second!.ETag);
    }

    [Theory]
    [InlineData(BatchStatus.Succeeded)]
    [InlineData(BatchStatus.Failed)]
    [InlineData(BatchStatus.Cancelled)]
    public async Task Chunks_go_once_their_batch_has_ended(BatchStatus status)
    {
        await using var world = await new BatchWorld(chunkRows: 2, timePerMessage: TimeSpan.FromTicks(-1)).WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        await world.RunAsync();
        Assert.NotEmpty(await ChunksAsync(world));

        if (status is BatchStatus.Cancelled)
        {
            await world.Service.CancelAsync(Tenant, "b", default);
        }
        else if (status is BatchStatus.Failed)
        {
            await world.World.Runs.Store.DeleteAsync(BatchPrediction.FileOf(Tenant, "b", "input/rows.jsonl"), null, default);
        }

        var batch = await world.RunAsync();
        while (batch.Status is BatchStatus.Running)
        {
            batch = await world.RunAsync();
        }

        Assert.Equal(status, batch.Status);
        Assert.Empty(await ChunksAsync(world));
    }

    [Theory]
    [InlineData("00000000.results.jsonl")]
    [InlineData("00000001.results.jsonl")]
    public async Task A_chunk_that_is_lost_is_predicted_again_and_never_left_out(string lost)
    {
        await using var world = await new BatchWorld(chunkRows: 2, timePerMessage: TimeSpan.FromTicks(-1)).WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        await world.RunAsync();
        await world.RunAsync();
        var chunk = BatchPrediction.FileOf(Tenant, "b", $"chunks/{lost}");
        world.World.Runs.Crash.Meanwhile = async (path, token) => path == chunk && await world.World.Runs.Store.DeleteAsync(path, null, token);

        await Assert.ThrowsAsync<InvalidDataException>(() => world.RunAsync());
        var batch = await world.RunAsync();
        while (batch.Status is BatchStatus.Running)
        {
            batch = await world.RunAsync();
        }

        Assert.Equal((BatchStatus.Succeeded, 5L, 0L), (batch.Status, batch.RowsDone, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 0, 1, 2, 3, 4);
    }

    [Theory]
    [InlineData("unreadable.jsonl", 1)]
    [InlineData("unreadable.jsonl", 2)]
    [InlineData("00000000.errors.jsonl", 1)]
    [InlineData("00000001.results.jsonl", 1)]
    [InlineData("00000001.results.jsonl", 2)]
    public async Task Whoever_finds_the_batch_ended_by_another_leaves_its_results_alone(string chunk, int touch)
    {
        await using var world = await new BatchWorld(chunkRows: 2, timePerMessage: TimeSpan.FromTicks(-1)).WithAsync("m", TestModels.Regression);
        await world.CreateOfFileAsync("new.csv", "length,mass\n1,1\n2,2\n3,3\n4,4,4\n");
        await world.RunAsync();
        var file = BatchPrediction.FileOf(Tenant, "b", $"chunks/{chunk}");
        var touched = 0;
        world.World.Runs.Crash.Meanwhile = async (path, _) =>
        {
            if (path != file || ++touched < touch)
            {
                return false;
            }

            Assert.Equal(BatchStatus.Succeeded, (await world.RunAsync()).Status);
            return true;
        };

        var batch = await world.RunAsync();

        Assert.Equal(touch, touched);
        Assert.Equal((4L, 1L), (batch.RowsDone, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 0, 1, 2);
        Assert.Equal(5, Assert.Single(await world.ErrorsAsync()).GetProperty("line").GetInt64());
        Assert.Empty(await ChunksAsync(world));
    }

    [Fact]
    public async Task Work_whose_time_is_over_goes_on_by_another_message()
    {
        await using var world = await new BatchWorld(chunkRows: 2, timePerMessage: TimeSpan.FromTicks(-1)).WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        world.World.Runs.Queue.Messages.Clear();

        var batch = await world.RunAsync();

        Assert.Equal(BatchStatus.Running, batch.Status);
        Assert.Equal(BatchQueues.Work, Assert.Single(world.World.Runs.Queue.Messages).Queue);
    }

    [Fact]
    public async Task Rows_that_end_the_process_again_and_again_are_passed_over()
    {
        await using var world = await new BatchWorld(chunkRows: 2).WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        await world.World.Runs.Catalog.UpdateAsync(
            BatchPrediction.Kind, Tenant, "b", current => current with { Status = BatchStatus.Running, Rows = 5, Attempts = new BatchOptions().MaximumAttempts }, default);

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Succeeded, 2L), (batch.Status, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 2, 3, 4);
        BatchWorld.AssertRows(await world.ErrorsAsync(), 0, 1);
    }

    [Fact]
    public async Task A_store_that_is_away_again_and_again_ends_the_batch_and_blames_no_row()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        await world.World.Runs.Store.DeleteAsync(new ObjectPath(Containers.Models, $"{Tenant}/m/1/model.onnx"), null, default);

        for (var failure = 1; failure < new BatchOptions().MaximumFailures; failure++)
        {
            await Assert.ThrowsAnyAsync<Exception>(() => world.RunAsync());
        }

        var batch = await world.RunAsync();
        Assert.Equal((BatchStatus.Failed, 0L), (batch.Status, batch.RowsFailed));
    }

    [Theory]
    [InlineData(TableFormat.Csv)]
    [InlineData(TableFormat.Parquet)]
    public async Task Results_are_a_table_with_a_column_for_each_probability(TableFormat format)
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.StringLabel);
        await world.CreateAsync("""[{"length":40,"mass":3000,"island":"Dream"},{"length":50,"mass":5000,"island":"Biscoe"}]""", format: format);
        Assert.Equal(BatchStatus.Succeeded, (await world.RunAsync()).Status);

        var (_, content) = await world.Service.OpenResultsAsync(Tenant, "b", default);

        if (format is TableFormat.Parquet)
        {
            var magic = new byte[4];
            await content.Stream.ReadExactlyAsync(magic);
            await content.DisposeAsync();
            Assert.Equal("PAR1", Encoding.ASCII.GetString(magic));
            return;
        }

        var lines = (await BatchWorld.TextAsync(content)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("row,label,probabilities.Adelie,probabilities.Chinstrap,\"probabilities.Gentoo \"\"G\"\"\"", lines[0]);
        Assert.Equal(["0", "1"], lines.Skip(1).Select(line => line.Split(',')[0]));
    }

    [Fact]
    public async Task A_table_of_no_predictions_is_still_a_table()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync("""[7]""", format: TableFormat.Csv);
        await world.RunAsync();

        var (_, content) = await world.Service.OpenResultsAsync(Tenant, "b", default);

        Assert.Equal("row\n", await BatchWorld.TextAsync(content));
    }

    [Fact]
    public async Task A_CSV_file_is_read_as_data_sets_are_and_its_bad_lines_are_told_of()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.StringLabel);
        var csv = new StringBuilder("id,length,mass,island\n");
        for (var row = 0; row < 7; row++)
        {
            csv.Append(CultureInfo.InvariantCulture, $"{row},{40 + row}.5,{3000 + row},Dream\n");
        }

        csv.Append("8,41.5,3000,Dream,too,many\n");
        // The same row twice is two rows here.
        csv.Append("6,46.5,3006,Dream\n");
        await world.CreateOfFileAsync("new.csv", csv.ToString());

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Succeeded, 9L, 1L), (batch.Status, batch.Rows, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 0, 1, 2, 3, 4, 5, 6, 7);
        Assert.Equal(9, Assert.Single(await world.ErrorsAsync()).GetProperty("line").GetInt64());
    }

    [Theory]
    [InlineData("new.csv", "has 69 bytes, and at most 50 are read")]
    [InlineData("new.csv.gz", "has more than 50 bytes when it is unpacked")]
    public async Task A_table_that_is_too_large_for_a_function_fails_and_says_what_to_do(string file, string why)
    {
        await using var world = await new BatchWorld(prepareInFunctionMaxBytes: 50).WithAsync("m", TestModels.Regression);
        var bytes = Encoding.UTF8.GetBytes("length,mass\n" + string.Concat(Enumerable.Repeat("1,2\n", 14)) + "\n");
        await world.CreateOfFileAsync(file, file.EndsWith(".gz", StringComparison.Ordinal) ? Gzip(bytes) : bytes);

        var batch = await world.RunAsync();

        Assert.Equal(BatchStatus.Failed, batch.Status);
        Assert.Contains(why, batch.Error!.Detail, StringComparison.Ordinal);
        Assert.Contains("smaller parts, or as JSON Lines", batch.Error.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_waits_for_the_preparation_before_it()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateOfFileAsync("new.csv", "length,mass\n1,2\n3,4\n");
        var other = await world.Turns.EnterAsync(TimeSpan.FromMinutes(1), default);

        var running = world.RunAsync();
        await Eventually.Holds(() => Task.FromResult(world.World.Runs.Time.WaitingTimers > 0));
        Assert.False(running.IsCompleted);
        other!.Dispose();

        Assert.Equal((BatchStatus.Succeeded, 2L), ((await running).Status, (await running).RowsDone));
    }

    [Fact]
    public async Task A_table_that_waits_for_long_leaves_it_to_another_message_and_has_not_been_tried()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateOfFileAsync("new.csv", "length,mass\n1,2\n3,4\n");
        world.World.Runs.Queue.Messages.Clear();
        using var other = await world.Turns.EnterAsync(TimeSpan.FromMinutes(1), default);

        var running = world.RunAsync();
        await Eventually.Holds(() =>
        {
            world.World.Runs.Time.Advance(TimeSpan.FromMinutes(1));
            return Task.FromResult(running.IsCompleted);
        });

        Assert.Equal((BatchStatus.Running, 0), ((await running).Status, (await running).Attempts));
        Assert.Equal(BatchQueues.Work, Assert.Single(world.World.Runs.Queue.Messages).Queue);
    }

    [Fact]
    public async Task A_broken_line_of_JSON_Lines_is_one_row_without_a_prediction()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateOfFileAsync("new.jsonl", "{\"length\":1}\n{\"length\":\n\n{\"length\":3}\n");

        var batch = await world.RunAsync();

        Assert.Equal((3L, 1L), (batch.RowsDone, batch.RowsFailed));
        BatchWorld.AssertRows(await world.ResultsAsync(), 0, 2);
        BatchWorld.AssertRows(await world.ErrorsAsync(), 1);
    }

    [Fact]
    public async Task A_table_without_any_feature_of_the_model_fails_with_their_names()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateOfFileAsync("new.csv", "a,b\n1,2\n3,4\n");

        var batch = await world.RunAsync();

        Assert.Equal(BatchStatus.Failed, batch.Status);
        Assert.Contains("'length', 'mass'", batch.Error!.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_batch_is_not_worked_on()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        await world.Service.CancelAsync(Tenant, "b", default);

        var batch = await world.RunAsync();

        Assert.Equal((BatchStatus.Cancelled, 0L), (batch.Status, batch.RowsDone));
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => world.ResultsAsync());
        Assert.Equal(Problem.Conflict, refusal.Problem);
    }

    [Fact]
    public async Task A_batch_that_has_ended_cannot_be_cancelled()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        await world.RunAsync();

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => world.Service.CancelAsync(Tenant, "b", default));

        Assert.Equal(Problem.Conflict, refusal.Problem);
    }

    [Fact]
    public async Task The_same_id_asks_for_the_same_batch()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        var first = await world.CreateAsync(FiveRows, webhook: new Uri("https://example.com/hook"));

        var again = await world.CreateAsync(FiveRows, webhook: new Uri("https://example.com/hook"));

        Assert.Equal(first.Webhook!.Secret, again.Webhook!.Secret);
    }

    [Fact]
    public async Task Rows_as_arrays_are_read_by_their_columns_and_the_endpoints_way_with_what_is_not_finite()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.Endpoints.PutAsync(Tenant, "m", new EndpointDefinition { Model = "m", NonFinite = NonFinite.Missing }, default, default);
        var batch = new NewBatch { Id = "b", Endpoint = "m", Input = new BatchInput { Kind = BatchInputKind.Rows }, Columns = ["mass", "length"] };
        var named = new NewBatch { Id = "c", Endpoint = "m", Input = new BatchInput { Kind = BatchInputKind.Rows } };

        await world.Service.CreateAsync(Tenant, batch, [.. JsonDocument.Parse("""[[1,3]]""").RootElement.EnumerateArray()], default);
        await world.Service.CreateAsync(Tenant, named, [.. JsonDocument.Parse("""[{"length":3,"mass":1}]""").RootElement.EnumerateArray()], default);
        var made = await world.RunAsync();
        await world.RunAsync("c");

        Assert.Equal(NonFinite.Missing, made.NonFinite);
        Assert.Equal(
            Assert.Single(await world.ResultsAsync("c")).GetProperty("value").GetDouble(),
            Assert.Single(await world.ResultsAsync()).GetProperty("value").GetDouble());
    }

    [Fact]
    public async Task The_same_id_with_another_file_is_refused_and_the_input_stays()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.CreateOfFileAsync("rows.csv", "length,mass\n1,1\n");

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => world.CreateOfFileAsync("rows.csv", "length,mass\n2,2\n3,3\n"));
        var empty = await Assert.ThrowsAsync<ProblemException>(() => world.CreateOfFileAsync("rows.csv", ""));
        await world.CreateOfFileAsync("rows.csv", "length,mass\n1,1\n");

        Assert.Equal((Problem.IdempotencyKeyReused, Problem.IdempotencyKeyReused), (refusal.Problem, empty.Problem));
        Assert.Equal((BatchStatus.Succeeded, 1L), ((await world.RunAsync()).Status, (await world.GetAsync()).Rows));
    }

    [Fact]
    public async Task One_version_of_a_dropped_file_is_one_batch()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        const string Path = $"{Tenant}/m/predictions/new.csv";
        await world.World.Runs.Store.WriteAsync(new ObjectPath(Containers.Incoming, Path), new MemoryStream("length,mass\n1,2\n3,4\n"u8.ToArray()), null, default);

        var first = await world.Service.AcceptDropAsync(Path, default);
        var batch = await world.RunAsync(first!.Id);
        var again = await world.Service.AcceptDropAsync(Path, default);

        Assert.Equal((BatchStatus.Succeeded, TableFormat.Csv, 2L), (batch.Status, batch.Format, batch.RowsDone));
        Assert.Equal(batch, again);
    }

    [Theory]
    [InlineData("default/churn/predictions/new.csv", true)]
    [InlineData("default/churn/new.csv", false)]
    [InlineData("default/churn/other/new.csv", false)]
    [InlineData("default/churn/predictions/deeper/new.csv", false)]
    [InlineData("default/Churn/predictions/new.csv", false)]
    [InlineData("default/churn/predictions/.hidden", false)]
    public void Only_a_file_in_the_endpoints_own_folder_is_predicted(string path, bool predicted)
        => Assert.Equal(predicted, BatchPredictionService.IsDrop(path));

    [Fact]
    public async Task All_rows_are_answered_by_the_version_with_most_of_the_traffic()
    {
        await using var world = await new BatchWorld().WithAsync("m", TestModels.Regression);
        await world.World.RegisterAsync("m", TestModels.Regression);
        await world.Endpoints.PutAsync(
            Tenant, "m", new EndpointDefinition { Model = "m", Traffic = [new TrafficShare(1, 10), new TrafficShare(2, 90)] }, default, default);

        Assert.Equal(2, (await world.CreateAsync(FiveRows)).ModelVersion);
    }

    [Fact]
    public async Task A_late_message_begins_only_what_nobody_has_begun()
    {
        await using var world = await new BatchWorld(chunkRows: 2, timePerMessage: TimeSpan.FromTicks(-1)).WithAsync("m", TestModels.Regression);
        await world.CreateAsync(FiveRows);
        await world.RunAsync();

        await world.Runner.RunAsync(new BatchReference(Tenant, "b", Late: true), default);

        Assert.Equal(2, (await world.GetAsync()).RowsDone);
    }

    private static byte[] Gzip(byte[] bytes)
    {
        var compressed = new MemoryStream();
        using (var stream = new GZipStream(compressed, CompressionLevel.Fastest)) stream.Write(bytes);
        return compressed.ToArray();
    }

    private static ObjectPath Chunk(int number)
        => BatchPrediction.FileOf(Tenant, "b", string.Create(CultureInfo.InvariantCulture, $"chunks/{number:D8}.results.jsonl"));

    private static Task<string[]> ChunksAsync(BatchWorld world) => world.FilesAsync(Containers.Predictions, $"{Tenant}/b/chunks/");

    private static string Rows(int count, Func<int, bool> isBad)
        => $"[{string.Join(',', Enumerable.Range(0, count).Select(row => isBad(row) ? """{"index":1000000}""" : """{"index":0}"""))}]";
}
