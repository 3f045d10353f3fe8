/** The folder with the test models; undefined where there are none and none can be had. */
export function testModels(): string | undefined;
