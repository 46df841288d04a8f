using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.LocalHost.Hosting;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using Spectre.Console;

namespace AIaaS.LocalHost.Demo;

/// <summary>The main job on a sample, done as a user would: a file into the drop folder, the rest over HTTP.</summary>
internal sealed class DemoRun(Uri url, HomeFolder home, TimeProvider time)
{
    private const string Pipeline = "penguins";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly string Sample = Path.Combine(AppContext.BaseDirectory, "samples", "penguins", "penguins.csv");

    // Colours and moving bars are for terminals; a log gets plain lines.
    private static readonly IAnsiConsole Screen = AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect,
        ColorSystem = Console.IsOutputRedirected ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
    });

    // Rows as an application would send them: complete, with features missing, and with a category never seen.
    private static readonly string[] Rows =
    [
        """{"island":"Torgersen","bill_length_mm":39.1,"bill_depth_mm":18.7,"flipper_length_mm":181,"body_mass_g":3750,"sex":"male","year":2007}""",
        """{"island":"Biscoe","bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211,"body_mass_g":4500,"sex":"female","year":2007}""",
        """{"island":"Dream","bill_length_mm":46.5,"bill_depth_mm":17.9,"flipper_length_mm":192,"body_mass_g":3500,"sex":"female","year":2007}""",
        """{"bill_length_mm":50.0,"bill_depth_mm":15.9,"flipper_length_mm":224}""",
        """{"island":"Zavodovski","bill_length_mm":38.2,"bill_depth_mm":18.1,"flipper_length_mm":185,"body_mass_g":null}""",
    ];

    /// <returns>Why it failed; null where it did not.</returns>
    public async Task<string?> TryRunAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            await RunAsync(over.Token);
            return null;
        }
        catch (OperationCanceledException)
        {
            return patience.IsCancellationRequested ? $"it was not done within {Patience.TotalMinutes} minutes." : "it was interrupted.";
        }
#pragma warning disable CA1031 // Whatever it was, a demo ends with a reason and not with a stack trace.
        catch (Exception error)
#pragma warning restore CA1031
        {
            return error.Message;
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = url, Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.Add(Authenticator.KeyHeader, (await File.ReadAllTextAsync(home.AdminKeyFile, cancellationToken)).Trim());

        var before = await FindNewestRunAsync(http, cancellationToken);
        var dropped = await DropAsync(cancellationToken);
        Console.WriteLine($"Dropped penguins.csv into {Path.GetDirectoryName(dropped)}");
        var run = await AwaitRunAsync(http, before, cancellationToken);
        var ended = await StageBars.ShowAsync(Screen, WatchAsync(http, run, cancellationToken))
            ?? throw new DemoException("the host told nothing of the run.");
        if (ended.Status is not RunStatus.Succeeded || ended.Model is null)
        {
            throw new DemoException($"the run {ended.Id} ended as {ended.Status.ToString().ToLowerInvariant()}: {ended.Error?.Title}: {ended.Error?.Detail}");
        }

        ShowTrials(ended.Leaderboard);
        await ShowModelAsync(http, ended.Model, cancellationToken);
        await ShowPredictionsAsync(http, ended.Endpoint!, cancellationToken);
        ShowHowToGoOn(ended.Endpoint!);
    }

    private async Task<string> DropAsync(CancellationToken cancellationToken)
    {
        var folder = Path.Combine(home.DropFolderOf(Caller.DefaultTenant), Pipeline);
        Directory.CreateDirectory(folder);
        var target = Path.Combine(folder, "penguins.csv");
        await using (var from = File.OpenRead(Sample))
        await using (var to = File.Create(target + ".part"))
        {
            await from.CopyToAsync(to, cancellationToken);
        }

        File.Move(target + ".part", target, overwrite: true);
        return target;
    }

    private static async Task<string?> FindNewestRunAsync(HttpClient http, CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync($"/api/v1/runs?pipeline={Pipeline}&limit=1", cancellationToken);
        var list = await ReadAsync<JsonElement>(answer, cancellationToken);
        return list.GetProperty("items") is { } items && items.GetArrayLength() > 0 ? items[0].GetProperty("id").GetString() : null;
    }

    private async Task<string> AwaitRunAsync(HttpClient http, string? before, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await FindNewestRunAsync(http, cancellationToken) is { } run && run != before)
            {
                return run;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken);
        }
    }

    private static async IAsyncEnumerable<RunView> WatchAsync(HttpClient http, string run, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync($"/api/v1/runs/{run}/events", HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        answer.EnsureSuccessStatusCode();
        await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var happened in SseParser.Create(stream).EnumerateAsync(cancellationToken))
        {
            yield return JsonSerializer.Deserialize<RunView>(happened.Data, JsonDefaults.Options)!;
        }
    }

    private static void ShowTrials(IReadOnlyList<LeaderboardEntry> leaderboard)
    {
        const int shown = 6;
        string[] metrics = [.. leaderboard.SelectMany(entry => entry.Metrics.Keys).Distinct().Take(3)];
        Console.WriteLine();
        Console.WriteLine($"The best of {leaderboard.Count} trials, judged on validation rows:");
        var table = new Table().AddColumn("trial").AddColumn("trainer");
        foreach (var metric in metrics)
        {
            table.AddColumn(new TableColumn(Markup.Escape(metric)).RightAligned());
        }

        foreach (var entry in leaderboard.Take(shown))
        {
            table.AddRow([
                entry.Trial.ToString(CultureInfo.InvariantCulture),
                Markup.Escape(entry.Trainer),
                .. metrics.Select(metric => entry.Metrics.TryGetValue(metric, out var value) ? value.ToString("0.####", CultureInfo.InvariantCulture) : "")]);
        }

        Screen.Write(table);
    }

    private static async Task ShowModelAsync(HttpClient http, ModelReference model, CancellationToken cancellationToken)
    {
        using var answer = await http.GetAsync($"/api/v1/models/{model.Name}/versions/{model.Version}", cancellationToken);
        var version = await ReadAsync<JsonElement>(answer, cancellationToken);
        Console.WriteLine();
        Console.WriteLine($"Model {model.Name} version {model.Version}, judged on rows it never saw:");
        var table = new Table().AddColumn("metric").AddColumn(new TableColumn("value").RightAligned());
        foreach (var metric in version.GetProperty("metrics").EnumerateObject())
        {
            table.AddRow(Markup.Escape(metric.Name), metric.Value.GetDouble().ToString("0.####", CultureInfo.InvariantCulture));
        }

        Screen.Write(table);
    }

    private static async Task ShowPredictionsAsync(HttpClient http, string endpoint, CancellationToken cancellationToken)
    {
        using var body = new StringContent($$"""{"rows":[{{string.Join(',', Rows)}}]}""", Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        using var answer = await http.PostAsync($"/api/v1/endpoints/{endpoint}/predictions", body, cancellationToken);
        var predictions = (await ReadAsync<JsonElement>(answer, cancellationToken)).GetProperty("predictions");
        Console.WriteLine();
        Console.WriteLine($"Predictions of the endpoint {endpoint}:");
        var table = new Table().ShowRowSeparators().AddColumn("row").AddColumn("label").AddColumn("probabilities");
        foreach (var (row, prediction) in Rows.Zip(predictions.EnumerateArray()))
        {
            var probabilities = prediction.GetProperty("probabilities").EnumerateObject()
                .Select(each => FormattableString.Invariant($"{each.Name} {each.Value.GetDouble():0.000}"));
            table.AddRow(Markup.Escape(row), Markup.Escape(prediction.GetProperty("label").ToString()), Markup.Escape(string.Join("\n", probabilities)));
        }

        Screen.Write(table);
    }

    private void ShowHowToGoOn(string endpoint)
    {
        // Plain lines, so that the command can be pasted as it stands.
        Console.WriteLine();
        Console.WriteLine($"Endpoint: {url}api/v1/endpoints/{endpoint}/predictions");
        Console.WriteLine($"Key file: {home.AdminKeyFile}");
        Console.WriteLine("Try it:");
        Console.WriteLine($"""
              curl -s '{url}api/v1/endpoints/{endpoint}/predictions' \
                -H "x-api-key: $(cat '{home.AdminKeyFile}')" -H 'Content-Type: application/json' \
                -d '{$$"""{"rows":[{{Rows[1]}}]}"""}'
            """);
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        if (answer.StatusCode is not HttpStatusCode.OK)
        {
            throw new DemoException($"{answer.RequestMessage!.Method} {answer.RequestMessage.RequestUri!.PathAndQuery} answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellationToken)}");
        }

        return (await answer.Content.ReadFromJsonAsync<T>(JsonDefaults.Options, cancellationToken))!;
    }

    private sealed class DemoException(string message) : Exception(message);
}
