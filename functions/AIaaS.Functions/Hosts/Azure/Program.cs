using AIaaS.Functions;
using AIaaS.Functions.Hosts.Azure;
using AIaaS.Functions.OpenApi;
using AIaaS.Platform.Security;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;

if (OpenApiCommand.TryRun(args))
{
    return;
}

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
var platform = builder.AddAzure();
FunctionApp.Compose(builder, platform, SecurityOptions.FromConfiguration(builder.Configuration, local: false));
await builder.Build().RunAsync();
