using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace AIaaS.Resilience.Tests;

/// <summary>Starting, being refused, stopping.</summary>
public sealed class StartAndStopTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task The_demo_ends_well_and_shows_predictions_metrics_and_how_to_go_on()
    {
        using var homes = new Homes();

        var (exitCode, output) = await RunAsync("demo", "--exit", "--port", "0", "--home", homes.Home);

        Assert.True(exitCode == 0, output);
        Assert.Contains("Gentoo", output, StringComparison.Ordinal);
        Assert.Contains("accuracy", output, StringComparison.Ordinal);
        Assert.Contains("curl -s", output, StringComparison.Ordinal);
        Assert.Contains(Path.Combine(homes.Home, "admin.key"), output, StringComparison.Ordinal);
        Assert.DoesNotContain(await File.ReadAllTextAsync(Path.Combine(homes.Home, "admin.key")), output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_host_on_the_same_home_is_refused_in_words()
    {
        using var homes = new Homes();
        await using var first = await homes.StartAsync();

        var (exitCode, output) = await RunAsync("--port", "0", "--home", homes.Home);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("Another host is running", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_occupied_port_is_refused_in_words()
    {
        using var homes = new Homes();
        using var occupant = new TcpListener(IPAddress.Loopback, 0);
        occupant.Start();
        var port = ((IPEndPoint)occupant.LocalEndpoint).Port;

        var (exitCode, output) = await RunAsync("--port", $"{port}", "--home", homes.Home);

        Assert.NotEqual(0, exitCode);
        Assert.Contains($"Port {port} cannot be listened on", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http")]
    [InlineData("65536")]
    [InlineData("-1")]
    public async Task A_port_that_is_none_is_refused_in_words(string port)
    {
        using var homes = new Homes();

        var (exitCode, output) = await RunAsync($"--port={port}", "--home", homes.Home);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("must be a number from 0 to 65535", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_home_that_is_a_file_is_refused_in_words()
    {
        using var homes = new Homes();
        var file = Path.Combine(homes.Home, "file");
        await File.WriteAllTextAsync(file, "");

        var (exitCode, output) = await RunAsync("--port", "0", "--home", file);

        Assert.NotEqual(0, exitCode);
        Assert.Contains("cannot be used", output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_killed_host_was_at_work_on_is_cleared_away()
    {
        using var homes = new Homes();
        var half = Directory.CreateDirectory(Path.Combine(homes.Home, "work", "half-done"));

        await using var host = await homes.StartAsync();

        Assert.False(Directory.Exists(half.FullName));
    }

    [Fact]
    public async Task Bad_requests_leave_no_stack_traces_and_no_trouble_in_the_log()
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync();
        await homes.DropAsync(host);
        await Homes.AssertCompletedOnceAsync(host, "penguins");
        using var client = new ApiClient(host.Url, host.AdminKey);

        foreach (var body in new[] { "", "{", "[]", """{"rows":[{"year":"soon"}]}""", """{"rows":[{"colour":"red"}]}""" })
        {
            using var answer = await client.Http.PostAsync("/api/v1/endpoints/penguins/predictions", ApiClient.Text(body, "application/json"));
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }

        // The last of it on the same connections, so that all before is in the log.
        await client.PredictAsync("penguins", """{"rows":[{"year":2007}]}""");
        Assert.DoesNotContain("   at ", host.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("error", host.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_host_asked_to_stop_ends_with_exit_code_0()
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync();

        using (var kill = Process.Start("kill", ["-TERM", $"{host.Id}"]))
        {
            await kill.WaitForExitAsync();
        }

        Assert.Equal(0, await host.WaitForExitAsync(Patience));
        Assert.False(File.Exists(Path.Combine(homes.Home, "url")));
    }

    [Fact]
    public async Task The_admin_key_is_readable_by_its_owner_only_and_never_printed()
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync();

        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(homes.Home, "admin.key")));
        }

        Assert.DoesNotContain(host.AdminKey, host.Output, StringComparison.Ordinal);
        Assert.Equal(host.Url.ToString().TrimEnd('/'), (await File.ReadAllTextAsync(Path.Combine(homes.Home, "url"))).Trim());
    }

    [Theory]
    [InlineData("default/penguins.csv", "neither higher nor deeper")]
    [InlineData("default/penguins/deeper/penguins.csv", "neither higher nor deeper")]
    [InlineData("default/Pen_guins/penguins.csv", "not a pipeline's name")]
    public async Task A_file_dropped_where_no_pipeline_is_named_becomes_a_poison_record_and_the_host_serves_on(string path, string reason)
    {
        using var homes = new Homes();
        await using var host = await homes.StartAsync();

        homes.Drop(path);

        var record = await AwaitFileAsync(Path.Combine(homes.Home, "storage", "quarantine", "default", "drops"));
        Assert.Contains(reason, record, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine([homes.Home, "storage", "incoming", .. path.Split('/')])));
        using var client = new ApiClient(host.Url, host.AdminKey);
        await client.GetAsync("/api/v1/runs");
    }

    private static async Task<string> AwaitFileAsync(string folder)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            if (Directory.Exists(folder) && Directory.GetFiles(folder, "*.json") is [var file, ..])
            {
                return await File.ReadAllTextAsync(file, patience.Token);
            }

            await Task.Delay(100, patience.Token);
        }
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        using var patience = new CancellationTokenSource(Patience);
        using var process = Process.Start(LocalHostProcess.StartInfo(arguments))!;
        var output = process.StandardOutput.ReadToEndAsync(patience.Token);
        var errors = process.StandardError.ReadToEndAsync(patience.Token);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }

        return (process.ExitCode, await output + await errors);
    }
}
