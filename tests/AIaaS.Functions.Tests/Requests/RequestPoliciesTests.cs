using AIaaS.Functions.Requests;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Tests.Requests;

public sealed class RequestPoliciesTests
{
    private static readonly RequestPolicies App = new(typeof(RequestMiddleware).Assembly);

    /// <summary>Everything else needs a role; whoever adds to this list says why it reveals nothing.</summary>
    private static readonly string[] Anonymous = ["HealthLive", "HealthReady", "InferenceServerLive", "InferenceServerReady", "PutUpload"];

    public static TheoryData<string> Functions() => [.. App.All.Select(policy => policy.Function)];

    [Theory]
    [MemberData(nameof(Functions))]
    public void Every_function_declares_a_role_or_that_it_needs_none(string function)
    {
        var policy = App.Of(function);

        Assert.True(policy.Role is not null || policy.Anonymous);
    }

    [Fact]
    public void Only_the_known_functions_are_anonymous()
        => Assert.Equal(Anonymous, App.All.Where(policy => policy.Anonymous).Select(policy => policy.Function).Order());

    [Fact]
    public void Keys_are_for_admins_only()
        => Assert.All(App.All.Where(policy => policy.Route.StartsWith("/api/v1/keys", StringComparison.Ordinal)), policy => Assert.Equal(Role.Admin, policy.Role));

    [Fact]
    public void A_function_has_the_limits_it_declares()
    {
        var policy = new RequestPolicies([typeof(Samples)]).Of("Limited");

        Assert.Equal((7L, TimeSpan.FromSeconds(3)), (policy.MaxBodyBytes, policy.Timeout));
    }

    [Fact]
    public void A_function_that_contradicts_itself_stops_the_start()
        => Assert.Throws<InvalidOperationException>(() => new RequestPolicies([typeof(Contradicting)]));

    [Fact]
    public void Other_triggers_have_no_policy()
        => Assert.DoesNotContain(new RequestPolicies([typeof(Samples)]).All, policy => policy.Function == "Timed");

    private sealed class Samples
    {
        [Function("Limited")]
        [RequiresRole(Role.Reader)]
        [RequestLimits(MaxBodyBytes = 7, TimeoutSeconds = 3)]
        public IResult Limited([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "limited")] HttpRequest request) => Results.Ok(request);

        [Function("Timed")]
        public string Timed([TimerTrigger("0 * * * * *")] TimerInfo timer) => timer.ToString()!;
    }

    private sealed class Contradicting
    {
        [Function("Both")]
        [RequiresRole(Role.Reader)]
        [Anonymous]
        public IResult Both([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "both")] HttpRequest request) => Results.Ok(request);
    }
}
