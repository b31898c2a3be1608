import "../trials/trials.test.ts"
